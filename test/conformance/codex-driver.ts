/**
 * What a scenario tells the peer to do, one call each: start, run a turn and wait for its end, roll
 * back, fork, name, archive, read, list. Nothing here judges; it throws when the peer refuses.
 */
import { sleep, systemClock } from "../../src/base/index.ts";
import type { Thread, Turn } from "../../src/events/index.ts";
import { type Answer, type CodexPeer, type Notification, PeerError } from "./codex-peer.ts";

const LIST_PAGES_MAX = 100;
const ROLLBACK_ATTEMPTS_MAX = 40;
const ROLLBACK_AGAIN_MS = 50;
/** Every kind of source, so that a list hides nothing. */
const SOURCE_KINDS = ["cli", "vscode", "exec", "appServer", "subAgent", "unknown"] as const;

type TurnInput = readonly object[] | string;

function toInput(input: TurnInput): readonly object[] {
  return typeof input === "string" ? [{ type: "text", text: input, text_elements: [] }] : input;
}

function isFor(threadId: string, method: string): (notification: Notification) => boolean {
  return (notification) => notification.method === method && notification.params["threadId"] === threadId;
}

/** Commands to one app-server. */
export class CodexDriver {
  readonly peer: CodexPeer;

  constructor(peer: CodexPeer) {
    this.peer = peer;
  }

  async start(cwd: string): Promise<string> {
    return threadOf(await this.peer.request("thread/start", { cwd })).id;
  }

  /** Loads a thread; its turns come with it. */
  resume(threadId: string): Promise<Answer> {
    return this.peer.request("thread/resume", { threadId });
  }

  /** Runs a turn to its end, however it ends. */
  async turn(threadId: string, input: TurnInput): Promise<Turn> {
    return this.#untilTurnEnds(threadId, () => this.peer.request("turn/start", { threadId, input: toInput(input) }));
  }

  /** Starts a turn that doesn't end soon and gives its id once it begins to answer. */
  async hangingTurn(threadId: string, text: string, howLong = "{{hang}}"): Promise<string> {
    const { mark } = this.peer;
    const input = toInput(`${text} ${howLong}`);
    const started = await this.peer.request("turn/start", { threadId, input });
    await this.peer.waitFor(mark, isFor(threadId, "item/agentMessage/delta"));
    return (started["turn"] as Turn).id;
  }

  /** Adds input to a turn that pauses, and waits for its end. */
  async steeredTurn(threadId: string, text: string, steered: string): Promise<Turn> {
    const expectedTurnId = await this.hangingTurn(threadId, text, "{{pause:300}}");
    return this.#untilTurnEnds(threadId, () =>
      this.peer.request("turn/steer", { threadId, input: toInput(steered), expectedTurnId }),
    );
  }

  async interrupt(threadId: string, turnId: string): Promise<Turn> {
    return this.#untilTurnEnds(threadId, () => this.peer.request("turn/interrupt", { threadId, turnId }));
  }

  async compact(threadId: string): Promise<Turn> {
    return this.#untilTurnEnds(threadId, () => this.peer.request("thread/compact/start", { threadId }));
  }

  async review(threadId: string, instructions: string): Promise<Turn> {
    const target = { type: "custom", instructions };
    return this.#untilTurnEnds(threadId, () => this.peer.request("review/start", { threadId, target }));
  }

  /**
   * Codex says that a turn has ended a moment before it lets go of it, and refuses a rollback until
   * then; nothing tells when that is, so it is asked again.
   */
  async rollback(threadId: string, numTurns: number): Promise<Thread> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return threadOf(await this.peer.request("thread/rollback", { threadId, numTurns }));
      } catch (error) {
        const isStillEnding = error instanceof PeerError && error.message.includes("turn is in progress");
        if (!isStillEnding || attempt === ROLLBACK_ATTEMPTS_MAX) throw error;
        await sleep(systemClock, ROLLBACK_AGAIN_MS);
      }
    }
  }

  async fork(threadId: string): Promise<Thread> {
    return threadOf(await this.peer.request("thread/fork", { threadId }));
  }

  async name(threadId: string, name: string): Promise<void> {
    await this.peer.request("thread/name/set", { threadId, name });
  }

  async setGit(threadId: string, gitInfo: object): Promise<void> {
    await this.peer.request("thread/metadata/update", { threadId, gitInfo });
  }

  async setMemoryMode(threadId: string, mode: "enabled" | "disabled"): Promise<void> {
    await this.peer.request("thread/memoryMode/set", { threadId, mode });
  }

  async archive(threadId: string): Promise<void> {
    await this.peer.request("thread/archive", { threadId });
  }

  async unarchive(threadId: string): Promise<void> {
    await this.peer.request("thread/unarchive", { threadId });
  }

  /** A thread with its turns, as the peer shows it. */
  async read(threadId: string): Promise<Thread> {
    return threadOf(await this.peer.request("thread/read", { threadId, includeTurns: true }));
  }

  /** Every thread it lists, of all providers and sources, over all pages. */
  async listAll(archived: boolean): Promise<Thread[]> {
    const found: Thread[] = [];
    let cursor: string | null = null;
    for (let page = 0; page < LIST_PAGES_MAX; page += 1) {
      const filter = { archived, limit: 100, modelProviders: [], sourceKinds: SOURCE_KINDS };
      const answer: Answer = await this.peer.request("thread/list", { ...filter, cursor });
      found.push(...(answer["data"] as Thread[]));
      cursor = (answer["nextCursor"] as string | null) ?? null;
      if (cursor === null) return found;
    }
    throw new Error(`thread/list did not end after ${LIST_PAGES_MAX} pages`);
  }

  /** What a client sees that asks for nothing in particular. */
  async listByDefault(): Promise<Thread[]> {
    return (await this.peer.request("thread/list", { limit: 100 }))["data"] as Thread[];
  }

  async #untilTurnEnds(threadId: string, command: () => Promise<Answer>): Promise<Turn> {
    const { mark } = this.peer;
    await command();
    const ended = await this.peer.waitFor(mark, isFor(threadId, "turn/completed"));
    return ended.params["turn"] as Turn;
  }
}

function threadOf(answer: Answer): Thread {
  return answer["thread"] as Thread;
}
