/**
 * Which line of each thread those who listen to this handle have heard of last, and the put that wrote it. After a
 * failover, to a standby that lagged, the server may have another line there, or none. Then what was told isn't the
 * thread's history any more: that is told once, as `truncated`.
 *
 * A mark is a line of the thread's own rows: a fork's lines in its source's rows were committed before any of its own,
 * so they are there where that is. Kept while anybody listens, for the threads that were heard of last: what a standby
 * lacks is always the newest.
 *
 * Invariants
 *   M1  A mark that was taken on one history of the server is looked at before anything of another one is told of its
 *       thread or read from its log; until then nothing takes its place. Told without a look is only an append that was
 *       on its way and landed there: its ordinal and epoch say that nothing before it is lost.
 */
import type { StoreEvent } from "../thread-store.ts";
import type { Queryable } from "./postgres-database.ts";
import { STATE } from "./schema.ts";
import type { Statements } from "./statements.ts";

/** A line, and the put that wrote it. */
export interface WrittenLine {
  readonly ordinal: number;
  readonly appendId: string;
}

/** What marks are kept with. */
export interface ToldMarksOptions {
  readonly database: Queryable;
  readonly statements: Statements;
  /** Names the server's history by now. */
  readonly history: () => string;
  readonly tell: (event: StoreEvent) => void;
}

interface Mark extends WrittenLine {
  /** The history that the line was of. */
  readonly history: string;
}

interface MarkRow {
  readonly [column: string]: unknown;
  readonly thread_id: string;
  readonly state: number | null;
  readonly next_ordinal: number | null;
  readonly append_id: string | null;
}

/** Threads with a mark: about 4 MB of them. */
const MARKS_MAX = 20_000;
const CHECKED_AT_ONCE_MAX = 1_000;

export class ToldMarks {
  readonly #options: ToldMarksOptions;
  /** The one that was heard of longest ago first. */
  readonly #marks = new Map<string, Mark>();
  #isNoting = false;

  constructor(options: ToldMarksOptions) {
    this.#options = options;
  }

  /** Names the server's history by now: to be asked before a line is read that is noted then. */
  history(): string {
    return this.#options.history();
  }

  /** Somebody listens. */
  start(): void {
    this.#isNoting = true;
  }

  /** Nobody listens any more. */
  stop(): void {
    this.#isNoting = false;
    this.#marks.clear();
  }

  /** Those who listen have this line of the thread, or can have read it. Absent: nothing is noted. */
  note(threadId: string, line: WrittenLine | undefined, history: string): void {
    if (!this.#isNoting || line === undefined) return;
    const known = this.#marks.get(threadId);
    if (known !== undefined && (known.history !== history || known.ordinal > line.ordinal)) return;
    const { ordinal, appendId } = line;
    this.#marks.delete(threadId);
    this.#marks.set(threadId, { ordinal, appendId, history });
    if (this.#marks.size <= MARKS_MAX) return;
    const oldest = this.#marks.keys().next();
    if (oldest.done !== true) this.#marks.delete(oldest.value);
  }

  /** The thread is deleted: there is nothing to be missed. */
  forget(threadId: string): void {
    this.#marks.delete(threadId);
  }

  /** Looks at a thread's mark, where it was taken on another history (M1). At once where it wasn't. */
  async check(threadId: string): Promise<void> {
    const mark = this.#marks.get(threadId);
    if (mark !== undefined && mark.history !== this.history()) await this.#checkThese([[threadId, mark]]);
  }

  /** The same for every thread. */
  async checkAll(): Promise<void> {
    const history = this.history();
    const unsure = [...this.#marks].filter(([, mark]) => mark.history !== history);
    for (let at = 0; at < unsure.length; at += CHECKED_AT_ONCE_MAX) {
      await this.#checkThese(unsure.slice(at, at + CHECKED_AT_ONCE_MAX));
    }
  }

  async #checkThese(unsure: readonly (readonly [string, Mark])[]): Promise<void> {
    const { database, statements } = this.#options;
    // Named before it is asked: where the server changes meanwhile, the mark is looked at again.
    const history = this.history();
    const rows = await database.query<MarkRow>(statements.linesAt, [
      unsure.map(([threadId]) => threadId),
      unsure.map(([, { ordinal }]) => ordinal),
    ]);
    const found = new Map(rows.map((row) => [row.thread_id, row]));
    for (const [threadId, mark] of unsure) {
      // Another call has looked at it meanwhile.
      if (this.#marks.get(threadId) !== mark) continue;
      const row = found.get(threadId);
      if (row?.append_id === mark.appendId) this.#marks.set(threadId, { ...mark, history });
      else this.#tellLost(threadId, row);
    }
  }

  #tellLost(threadId: string, row: MarkRow | undefined): void {
    const { tell } = this.#options;
    this.#marks.delete(threadId);
    if (row?.state === STATE.deleted) tell({ type: "deleted", threadId });
    else tell({ type: "truncated", threadId, nextOrdinal: row?.next_ordinal ?? 0 });
  }
}
