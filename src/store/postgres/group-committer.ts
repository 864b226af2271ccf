/**
 * Group commit over all threads of a handle: one put is on its way at a time, and what arrives meanwhile goes into the
 * next one. So a commit of the server is shared by as many appends as there are, and the appends of one thread are
 * in order without being waited for by their callers.
 *
 * Invariants
 *   G1  A put whose answer was lost is made again with its own id until its fate is known, or RETRY_MS are over: then
 *       its appends are told `connection_lost`, and their writers look at the log before they write again.
 *   G2  What fails for one thread's sake harms no other: after an error that isn't a lost connection each part is put
 *       by itself.
 *   G3  A put holds LIMITS-like bounds of lines and bytes; one append alone may be larger.
 */
import type { Client } from "pg";

import { type Clock, isSkeinError, type SkeinError } from "../../base/index.ts";
import type { AppendIds } from "./append-ids.ts";
import type { DurabilityWatch } from "./durability-probe.ts";
import { type PutOutcome, putGroup, type Putting, type ThreadPut } from "./group-put.ts";
import type { NodeLease } from "./node-lease.ts";
import type { PostgresDatabase } from "./postgres-database.ts";
import { connectionLost, isConnectionLoss, postgresFault } from "./postgres-fault.ts";
import type { Statements } from "./statements.ts";
import type { WrittenLine } from "./told-marks.ts";

/** A writer that has something to put. */
export interface GroupMember {
  /** What it puts next, within the budget where it can be cut; null: nothing any more. */
  take(budget: PutBudget): ThreadPut | null;
  /** The part is there (null), or why not. */
  settle(outcome: PutOutcome): void;
  /** Whether something waits. */
  readonly hasWaiting: boolean;
}

/** A thread's newest line, which was put just now. */
export interface WrittenPart extends WrittenLine {
  readonly threadId: string;
}

/** Room in a put. */
export interface PutBudget {
  readonly lines: number;
  readonly bytes: number;
}

/** What a committer works with. */
export interface GroupCommitterOptions {
  readonly database: PostgresDatabase;
  readonly statements: Statements;
  readonly appendIds: AppendIds;
  readonly lease: Pick<NodeLease, "nodeId" | "incarnation">;
  readonly timers: Clock;
  readonly durability: Pick<DurabilityWatch, "noteFsync">;
  /** These threads have new lines. Told in the moment when their writers have told what is in them. */
  readonly onPut: (written: readonly WrittenPart[]) => void;
}

/** Lines in a put: enough for a thousand threads, few enough that none waits long for the others. */
const PUT_LINES_MAX = 4_000;
const PUT_BYTES_MAX = 8 * 1024 * 1024;
/** An answer that takes longer, and a millisecond more for each KiB, is given up with its connection. */
const PUT_MS_MAX = 8_000;
/** Long enough for a put that got no answer to be made again. */
const RETRY_MS = 20_000;

export class GroupCommitter {
  readonly #options: GroupCommitterOptions;
  #waiting = new Set<GroupMember>();
  #isRunning = false;
  #idle: (() => void)[] = [];
  #client: Client | null = null;

  constructor(options: GroupCommitterOptions) {
    this.#options = options;
  }

  /** Sees to it that what the member has waiting is put. */
  schedule(member: GroupMember): void {
    this.#waiting.add(member);
    if (this.#isRunning) return;
    this.#isRunning = true;
    afterThisTurn(() => void this.#run());
  }

  /** Resolves when nothing waits and nothing is on its way. */
  async whenIdle(): Promise<void> {
    while (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** Lets its connection go. */
  close(): void {
    if (this.#client !== null) this.#options.database.drop(this.#client);
    this.#client = null;
  }

  async #run(): Promise<void> {
    while (this.#waiting.size > 0) {
      const group = this.#takeGroup();
      if (group.length > 0) await this.#commit(group);
      // Callers that were just answered append again in this turn: they go into the next put together.
      await new Promise<void>((resolve) => afterThisTurn(resolve));
    }
    this.#isRunning = false;
    const idle = this.#idle;
    this.#idle = [];
    for (const resolve of idle) resolve();
  }

  #takeGroup(): readonly Part[] {
    const group: Part[] = [];
    let [lines, bytes] = [PUT_LINES_MAX, PUT_BYTES_MAX];
    for (const member of this.#waiting) {
      if (lines <= 0 || bytes <= 0) break;
      this.#waiting.delete(member);
      const put = member.take({ lines, bytes });
      if (put === null) continue;
      group.push({ member, put });
      lines -= put.lines.length;
      for (const line of put.lines) bytes -= line.bytes.byteLength;
      // What it still has comes behind the others.
      if (member.hasWaiting) this.#waiting.add(member);
      if (member.hasWaiting) break;
    }
    return group;
  }

  async #commit(group: readonly Part[]): Promise<void> {
    const outcomes = await this.#outcomes(group.map(({ put }) => put));
    const written: WrittenPart[] = [];
    for (const [index, { member, put }] of group.entries()) {
      const { outcome = null, appendId } = outcomes[index] ?? {};
      member.settle(outcome);
      if (outcome !== null || appendId === undefined) continue;
      written.push({ threadId: put.threadId, ordinal: put.expected + put.lines.length - 1, appendId });
    }
    if (written.length > 0) this.#options.onPut(written);
  }

  /** What became of each part. Never rejects. */
  async #outcomes(puts: readonly ThreadPut[]): Promise<readonly PartFate[]> {
    const appendId = this.#options.appendIds.next();
    try {
      return (await this.#put(puts, appendId)).map((outcome) => ({ outcome, appendId }));
    } catch (error) {
      if (puts.length === 1 || isConnectionLoss(error)) {
        return puts.map(({ threadId }) => ({ outcome: failure(error, threadId), appendId }));
      }
    }
    const outcomes: PartFate[] = [];
    for (const put of puts) outcomes.push(...(await this.#outcomes([put])));
    return outcomes;
  }

  /** Puts, again after a lost connection with the same id (G1). */
  async #put(puts: readonly ThreadPut[], appendId: string): Promise<readonly PutOutcome[]> {
    const { database, statements, lease } = this.#options;
    return database.retrying(async () => {
      const { nodeId, incarnation } = lease;
      const client = this.#client ?? (await this.#connect());
      let goesOn = true;
      const noteFsync = (isOn: boolean): void => {
        goesOn = this.#options.durability.noteFsync(isOn);
      };
      const putting: Putting = { statements, appendId, nodeId, incarnation, noteFsync };
      const timer = this.#options.timers.setTimer(PUT_MS_MAX + kibOf(puts), () => this.#lose(client));
      try {
        return await putGroup({ query: (what, values = []) => database.run(client, what, values) }, puts, putting);
      } catch (error) {
        if (isConnectionLoss(error)) this.#lose(client);
        throw error;
      } finally {
        timer.cancel();
        // The next put makes a connection, and a server that isn't durable any more is refused with that.
        if (!goesOn) this.#lose(client);
      }
    }, RETRY_MS);
  }

  async #connect(): Promise<Client> {
    const client = await this.#options.database.connect((lost) => {
      if (this.#client === lost) this.#client = null;
    });
    this.#client = client;
    return client;
  }

  #lose(client: Client): void {
    if (this.#client === client) this.#client = null;
    this.#options.database.cutOff(client);
  }
}

/** What became of a part, in which put. */
interface PartFate {
  readonly outcome: PutOutcome;
  readonly appendId: string;
}

/** A member's part of a put. */
interface Part {
  readonly member: GroupMember;
  readonly put: ThreadPut;
}

function kibOf(puts: readonly ThreadPut[]): number {
  let bytes = 0;
  for (const { lines } of puts) for (const line of lines) bytes += line.bytes.byteLength;
  return bytes / 1024;
}

function failure(error: unknown, threadId: string): SkeinError {
  const told = postgresFault(error, `append to thread ${threadId}`, { threadId });
  return isSkeinError(told) ? told : connectionLost(`append to thread ${threadId}`, error, { threadId });
}

/** Runs when the microtasks of this turn have run: what nextTick is given comes after all of them. */
function afterThisTurn(run: () => void): void {
  queueMicrotask(() => process.nextTick(run));
}
