/**
 * Nodes that are killed, miss their leases and come back, while clients of all of them run turns on the same threads,
 * many at once. Whatever happens: a turn whose start was granted is in the log, once, and the client that began it is
 * told once how it ended; a refusal is one that says whether asking again can help. The order of what begins at once
 * is the machine's, so a run that fails is not made small.
 */
import fc from "fast-check";
import { expect, test } from "vitest";

import { systemClock, withinTime } from "../../../src/base/index.ts";
import { RPC_CODES } from "../../../src/server/protocol/index.ts";
import type { TestClient } from "../server-fixture.ts";
import { createLeasedStore } from "./leased-store.ts";
import { openNode, type TestNode } from "./relay-world.ts";

type Step =
  | { readonly type: "turn"; readonly node: number; readonly thread: number }
  | { readonly type: "kill" | "miss" | "wake"; readonly node: number };

const NODES = 3;
const THREADS = 2;

const node = fc.nat({ max: NODES - 1 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ type: fc.constant("turn" as const), node, thread: fc.nat({ max: THREADS - 1 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("miss" as const, "wake" as const), node }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("kill" as const), node }) },
);
/** Steps of one round begin at once. */
const rounds = fc.array(fc.array(step, { minLength: 1, maxLength: 4 }), { minLength: 2, maxLength: 6 });

interface Granted {
  readonly client: TestClient;
  readonly threadId: string;
  readonly turnId: string;
}

class World {
  readonly #shared = createLeasedStore();
  /** The one that is there now, of each place. */
  readonly #nodes: TestNode[] = [];
  readonly #opened: TestNode[] = [];
  readonly #killed = new Set<TestNode>();
  readonly #clients: TestClient[] = [];
  readonly granted: Granted[] = [];
  /** Refusals that don't say whether asking again can help. */
  readonly unclear: string[] = [];
  threadIds: readonly string[] = [];

  async open(): Promise<void> {
    for (let at = 0; at < NODES; at += 1) await this.#start(at);
    const ids: string[] = [];
    for (let at = 0; at < THREADS; at += 1) {
      const client = this.#client(at % NODES);
      const threadId = await client.startThread();
      await client.runTurn(threadId, "first");
      ids.push(threadId);
    }
    this.threadIds = ids;
  }

  async take(next: Step): Promise<void> {
    switch (next.type) {
      case "turn":
        await this.#turn(this.#client(next.node), this.threadIds[next.thread] ?? "");
        break;
      case "miss":
        this.#node(next.node).store.isAlive = false;
        break;
      case "wake":
        // The lease of one that was killed is never renewed.
        if (!this.#killed.has(this.#node(next.node))) this.#node(next.node).store.isAlive = true;
        break;
      case "kill": {
        const dead = this.#node(next.node);
        this.#killed.add(dead);
        dead.store.isAlive = false;
        const client = this.#client(next.node);
        const killed = dead.kill();
        await this.#start(next.node);
        await killed;
        client.disconnect();
        break;
      }
    }
  }

  /** All turns of a thread as the log has them. */
  async logged(threadId: string): Promise<readonly string[]> {
    const { data } = await this.#node(0).runtime.listTurns({ threadId, limit: 100, itemsView: "notLoaded" });
    return data.map(({ id }) => id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((opened) => opened.close()));
  }

  async #start(at: number): Promise<void> {
    const started = await openNode(this.#shared);
    this.#nodes[at] = started;
    this.#opened.push(started);
    this.#clients[at] = await started.connect();
  }

  async #turn(client: TestClient, threadId: string): Promise<void> {
    const resumed = await client.request("thread/resume", { threadId });
    if (resumed.error !== undefined || client.closedReason !== null) return;
    const input = [{ type: "text", text: "next", text_elements: [] }];
    const answer = client.request("turn/start", { threadId, input });
    const gone = new Promise<null>((resolve) => {
      const look = (): void => void (client.closedReason === null ? setTimeout(look, 5) : resolve(null));
      look();
      void answer.then(() => resolve(null));
    });
    await Promise.race([answer, gone]);
    if (client.closedReason !== null) return;
    const { result, error } = await answer;
    if (error !== undefined) {
      const isPlain = error.code === RPC_CODES.overloaded || typeof error.data?.["retryable"] === "boolean";
      if (!isPlain) this.unclear.push(`${error.code}: ${error.message}`);
      return;
    }
    const { turn } = result as { readonly turn: { readonly id: string } };
    this.granted.push({ client, threadId, turnId: turn.id });
  }

  #node(at: number): TestNode {
    const found = this.#nodes[at];
    if (found === undefined) throw new Error(`there is no node ${at}`);
    return found;
  }

  #client(at: number): TestClient {
    const found = this.#clients[at];
    if (found === undefined) throw new Error(`there is no client of node ${at}`);
    return found;
  }
}

/** Longer than any wait of the nodes': a turn that has no end by then never gets one. */
const END_MS_MAX = 20_000;

async function toldEnd(client: TestClient, turnId: string): Promise<void> {
  const isTold = await withinTime(client.turnEnd(turnId), systemClock, END_MS_MAX);
  expect(isTold || client.closedReason !== null, `turn ${turnId} has no end: ${client.words(-40).join(", ")}`).toBe(
    true,
  );
}

test(
  "a turn that was granted is in the log once, and its client is told once how it ended",
  { timeout: 120_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(rounds, async (plan) => {
        await using world = new World();
        await world.open();
        for (const steps of plan) await Promise.all(steps.map((next) => world.take(next)));
        for (const { client, turnId } of world.granted) {
          if (client.closedReason === null) await toldEnd(client, turnId);
        }
        expect(world.unclear).toEqual([]);
        for (const threadId of world.threadIds) {
          const logged = await world.logged(threadId);
          expect(new Set(logged).size).toBe(logged.length);
          const granted = world.granted.filter((turn) => turn.threadId === threadId).map(({ turnId }) => turnId);
          for (const turnId of new Set(granted)) expect(logged.filter((id) => id === turnId)).toHaveLength(1);
        }
        for (const { client, turnId } of world.granted) {
          const ends = client.messages.filter(
            ({ method, params }) =>
              method === "turn/completed" && (params as { turn: { id: string } }).turn.id === turnId,
          );
          expect(ends.length).toBeLessThanOrEqual(1);
        }
      }),
      { numRuns: 40, endOnFailure: true },
    );
  },
);
