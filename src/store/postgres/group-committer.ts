/**
 * Group commit over all threads of a handle: one put is on its way at a time, and what arrives meanwhile goes into the
 * next one. So a commit of the server is shared by as many appends as there are, and the appends of one thread are
 * in order without being waited for by their callers.
 *
 * Invariants
 *   G1  A put whose answer was lost is made again with its own id until its fate is known, or RETRY_MS are over: then
 *       its appends are told `connection_lost`, and their writers look at the log before they write again.
 *   G2  What fails for one thread's sake harms no other: after an error that isn't a lost connection each part is put
 *       by itself, with the same id: what was tried before may land.
 *   G3  A put has PUT_LINES_MAX lines and PUT_BYTES_MAX bytes at most; one append alone may be larger.
 *   G4  A thread whose row somebody else holds keeps the others waiting for LOCK_MS once: then its part waits by
 *       itself (held-parts.ts), and is the only one of its thread until its fate is known.
 */
import type { Client } from "pg";

import { type Clock, isSkeinError, type SkeinError } from "../../base/index.ts";
import type { AppendIds } from "./append-ids.ts";
import type { DurabilityWatch } from "./durability-probe.ts";
import { freeThreads, type PutOutcome, putGroup, type Putting, type ThreadPut } from "./group-put.ts";
import { groupsOf, HeldParts, heldTooLong } from "./held-parts.ts";
import type { NodeLease } from "./node-lease.ts";
import type { PostgresDatabase, Queryable } from "./postgres-database.ts";
import { connectionLost, isConnectionLoss, isLocked, postgresFault } from "./postgres-fault.ts";
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
/** Longest that a put waits for a row. Short of what the server looks for deadlocks after. */
const LOCK_MS = 250;
/** Rows that are waited for in vain to find whom a group waits for; past it all that is left of the group is held. */
const LOCKS_MAX = 12;

export class GroupCommitter {
  readonly #options: GroupCommitterOptions;
  readonly #held: HeldParts<Part>;
  #waiting = new Set<GroupMember>();
  #isRunning = false;
  #idle: (() => void)[] = [];
  #wake: () => void = () => {};
  #client: Client | null = null;

  constructor(options: GroupCommitterOptions) {
    this.#options = options;
    this.#held = new HeldParts(options.timers);
  }

  /** Sees to it that what the member has waiting is put. */
  schedule(member: GroupMember): void {
    this.#waiting.add(member);
    if (this.#isRunning) {
      this.#wake();
      return;
    }
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
    while (this.#waiting.size > 0 || this.#held.size > 0) {
      if (this.#held.size > 0 && this.#held.restMs === 0) await this.#lookAtHeld();
      const group = this.#takeGroup();
      if (group.length > 0) await this.#commit(group);
      else if (this.#waiting.size === 0 && this.#held.size > 0) await this.#nap(this.#held.restMs);
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
    const appendId = this.#options.appendIds.next();
    let [lines, bytes] = [PUT_LINES_MAX, PUT_BYTES_MAX];
    for (const member of this.#waiting) {
      if (lines <= 0 || bytes <= 0) break;
      this.#waiting.delete(member);
      const put = member.take({ lines, bytes });
      if (put === null) continue;
      group.push({ member, put, appendId });
      lines -= put.lines.length;
      for (const line of put.lines) bytes -= line.bytes.byteLength;
      // What it still has comes behind the others.
      if (member.hasWaiting) this.#waiting.add(member);
      if (member.hasWaiting) break;
    }
    return group;
  }

  /** Puts parts of one id and settles them, or holds them. Never rejects. */
  async #commit(group: readonly Part[], locks = { left: LOCKS_MAX }): Promise<void> {
    let outcomes: readonly PutOutcome[];
    try {
      outcomes = await this.#put(group);
    } catch (error) {
      if (isLocked(error)) await this.#goAround(group, locks);
      else if (group.length === 1 || isConnectionLoss(error)) this.#fail(group, error);
      else for (const part of group) await this.#commit([part], locks);
      return;
    }
    this.#settle(group, outcomes);
  }

  /** Somebody holds a row that the group needs: what doesn't need it is put, the rest waits by itself (G4). */
  async #goAround(group: readonly Part[], locks: { left: number }): Promise<void> {
    locks.left -= 1;
    const free = group.length === 1 || locks.left <= 0 ? [] : await this.#freeOf(group);
    if (free === null) return;
    if (free.length < group.length) {
      this.#hold(group.filter((part) => !free.includes(part)));
      if (free.length > 0) await this.#commit(free, locks);
      return;
    }
    // Either it was over meanwhile, or what is waited for is no row that is there, as an id that another node takes.
    const half = Math.ceil(group.length / 2);
    await this.#commit(group.slice(0, half), locks);
    await this.#commit(group.slice(half), locks);
  }

  #hold(parts: readonly Part[]): void {
    this.#held.hold(parts);
    // What else they have is asked for when these are settled.
    for (const { member } of parts) this.#waiting.delete(member);
  }

  /** Puts of the held parts those whose rows are free, and gives up those that waited too long. */
  async #lookAtHeld(): Promise<void> {
    const free = (await this.#freeOf(this.#held.all())) ?? [];
    for (const group of groupsOf(free)) await this.#commit(group);
    for (const part of this.#held.noteLook()) this.#settle([part], [heldTooLong(part)]);
  }

  /** The parts whose rows nobody holds; null where that can't be asked, and they are settled with why not. */
  async #freeOf(parts: readonly Part[]): Promise<readonly Part[] | null> {
    const ids = parts.map(({ put }) => put.threadId);
    try {
      const free = await this.#asking(0, (connection) => freeThreads(connection, ids, this.#options.statements));
      return parts.filter(({ put }) => free.has(put.threadId));
    } catch (error) {
      if (isLocked(error)) return [];
      this.#fail(parts, error);
      return null;
    }
  }

  #fail(parts: readonly Part[], error: unknown): void {
    this.#settle(
      parts,
      parts.map(({ put }) => failure(error, put.threadId)),
    );
  }

  #settle(parts: readonly Part[], outcomes: readonly PutOutcome[]): void {
    const written: WrittenPart[] = [];
    for (const [index, part] of parts.entries()) {
      const { member, put, appendId } = part;
      const outcome = outcomes[index] ?? null;
      this.#held.drop(part);
      member.settle(outcome);
      if (outcome !== null) continue;
      written.push({ threadId: put.threadId, ordinal: put.expected + put.lines.length - 1, appendId });
    }
    if (written.length > 0) this.#options.onPut(written);
  }

  async #put(group: readonly Part[]): Promise<readonly PutOutcome[]> {
    const puts = group.map(({ put }) => put);
    const appendId = group[0]?.appendId ?? "";
    return this.#asking(kibOf(puts), (connection, noteSession) => {
      const { statements, lease } = this.#options;
      const { nodeId, incarnation } = lease;
      return putGroup(connection, puts, { statements, appendId, nodeId, incarnation, noteSession });
    });
  }

  /** Asks on the group's connection, again after it was lost (G1). */
  async #asking<Value>(
    kib: number,
    ask: (connection: Queryable, noteSession: Putting["noteSession"]) => Promise<Value>,
  ): Promise<Value> {
    const { database } = this.#options;
    return database.retrying(async () => {
      const client = this.#client ?? (await this.#connect());
      let goesOn = true;
      const noteSession: Putting["noteSession"] = ({ isFsync, mark }) => {
        goesOn = this.#options.durability.noteFsync(isFsync) && database.isSessionOf(client, mark);
      };
      const timer = this.#options.timers.setTimer(PUT_MS_MAX + kib, () => this.#lose(client));
      try {
        return await ask({ query: (what, values = []) => database.run(client, what, values) }, noteSession);
      } catch (error) {
        if (isConnectionLoss(error)) this.#lose(client);
        throw error;
      } finally {
        timer.cancel();
        // The next put makes a connection: a server that isn't durable any more, or a pooler that mixes sessions by now, is refused with that.
        if (!goesOn) this.#lose(client);
      }
    }, RETRY_MS);
  }

  async #connect(): Promise<Client> {
    const client = await this.#options.database.connect((lost) => {
      if (this.#client === lost) this.#client = null;
    });
    try {
      await this.#options.database.run(client, { text: "SELECT set_config('lock_timeout', $1, false)" }, [
        `${LOCK_MS}`,
      ]);
    } catch (error) {
      this.#options.database.drop(client);
      throw error;
    }
    this.#client = client;
    return client;
  }

  /** Waits, or until something is to be put. */
  async #nap(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = this.#options.timers.setTimer(ms, resolve);
      this.#wake = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#wake = () => {};
  }

  #lose(client: Client): void {
    if (this.#client === client) this.#client = null;
    this.#options.database.cutOff(client);
  }
}

/** A member's part of a put. */
interface Part {
  readonly member: GroupMember;
  readonly put: ThreadPut;
  readonly appendId: string;
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
