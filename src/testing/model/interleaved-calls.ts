/**
 * Calls of several clients on two threads, in flight together, and what is known of each when all have settled: when
 * it began and ended among the others, with which writer, and its answer or its refusal. Whether some serial order
 * explains them is serial-order.ts's to say.
 */
import { ok } from "node:assert/strict";

import fc from "fast-check";

import { isSkeinError, type SkeinError } from "../../base/index.ts";
import type { AppendableItem, RolloutRecord } from "../../events/index.ts";
import type { AppendResult, ThreadStore, ThreadWriter } from "../../store/index.ts";
import { userMessage } from "../law-steps.ts";

/** What is called. */
export type CallPlan =
  | {
      readonly do: "append";
      readonly size: number;
      /** Counted from the end that the clients know of; undefined: no expectation. */
      readonly expects: number | undefined;
      readonly key: string | undefined;
    }
  | { readonly do: "read" | "resume" | "rename" | "mark" | "archive" | "unarchive" };

/** A call of a client; the scheduler decides when it begins. */
export interface PlannedCall {
  readonly client: number;
  readonly thread: number;
  /** Whether nothing else begins before it has settled. */
  readonly waits: boolean;
  readonly call: CallPlan;
}

/** When a call began and ended, in steps of one count for all; and how. */
interface Settled {
  readonly beganAt: number;
  readonly endedAt: number;
  /** Undefined: it was granted. */
  readonly refusal: SkeinError | undefined;
}

/** An append that settled. */
export interface SettledAppend extends Settled {
  readonly writer: ThreadWriter;
  readonly items: readonly AppendableItem[];
  readonly expectedOrdinal: number | undefined;
  readonly key: string | undefined;
  readonly answer: AppendResult | undefined;
}

/** A read, from the beginning. */
export interface SettledRead extends Settled {
  readonly records: readonly RolloutRecord[];
}

/** A resume. */
export interface SettledResume extends Settled {
  readonly epoch: number;
  readonly nextOrdinal: number;
}

/** A rename; or, without a name, another call of which only the outcome is told. */
export interface SettledChange extends Settled {
  readonly kind: "rename" | "mark" | "archive" | "unarchive";
  readonly name: string;
}

/** All calls on one thread. */
export interface ThreadCalls {
  readonly threadId: string;
  readonly appends: SettledAppend[];
  readonly reads: SettledRead[];
  readonly resumes: SettledResume[];
  readonly changes: SettledChange[];
}

/** Draws calls. Archiving only where the store has an archive. */
export function arbCalls(callsMax = 20): fc.Arbitrary<readonly PlannedCall[]> {
  const append = fc.record({
    do: fc.constant("append" as const),
    size: fc.integer({ min: 1, max: 3 }),
    expects: fc.constantFrom(undefined, undefined, 0, 0, 1, -1),
    key: fc.constantFrom(undefined, undefined, "k1", "k2"),
  });
  const other = fc.record({
    do: fc.constantFrom("read" as const, "resume", "resume", "rename", "mark", "archive", "unarchive"),
  });
  const planned = fc.record({
    client: fc.nat(2),
    // Mostly the same one, so that calls meet.
    thread: fc.constantFrom(0, 0, 0, 1),
    waits: fc.boolean(),
    call: fc.oneof(append, append, append, other, other),
  });
  return fc.array(planned, { minLength: 1, maxLength: callsMax, size: "max" });
}

/** Two threads' worth of clients, which share what they know of the threads. */
export class CallingClients {
  readonly #store: ThreadStore;
  readonly #hasArchive: boolean;
  readonly #known: { writer: ThreadWriter; nextOrdinal: number }[];
  readonly #inFlight: Promise<void>[] = [];
  readonly calls: readonly ThreadCalls[];
  #step = 0;

  constructor(store: ThreadStore, hasArchive: boolean, writers: readonly ThreadWriter[]) {
    this.#store = store;
    this.#hasArchive = hasArchive;
    this.#known = writers.map((writer) => ({ writer, nextOrdinal: 2 }));
    this.calls = writers.map(({ threadId }) => ({ threadId, appends: [], reads: [], resumes: [], changes: [] }));
  }

  /** Begins a call; resolves when it has begun, or settled where it waits. */
  async begin({ thread, waits, call }: PlannedCall): Promise<void> {
    const known = this.#known[thread];
    const calls = this.calls[thread];
    if (known === undefined || calls === undefined) return;
    const settled = call.do === "append" ? this.#append(known, calls, call) : this.#other(call.do, { known, calls });
    this.#inFlight.push(settled);
    // Its error is seen by whoever settles all.
    if (waits) await settled.catch(() => {});
  }

  /** Rejects with what no call may be refused with. */
  async settle(): Promise<void> {
    await Promise.all(this.#inFlight);
  }

  async #append(
    known: { readonly writer: ThreadWriter; nextOrdinal: number },
    calls: ThreadCalls,
    { size, expects, key }: CallPlan & { readonly do: "append" },
  ): Promise<void> {
    const { writer } = known;
    const beganAt = this.#tick();
    const items = Array.from({ length: size }, (_, nth) => userMessage(`${beganAt}.${nth}`));
    const expectedOrdinal = expects === undefined ? undefined : known.nextOrdinal + expects;
    const { answer, refusal } = await outcomeOf(
      this.#store.appendItems({
        writer,
        items,
        ...(expectedOrdinal === undefined ? {} : { expectedOrdinal }),
        ...(key === undefined ? {} : { idempotencyKey: key }),
      }),
    );
    if (answer !== undefined) known.nextOrdinal = Math.max(known.nextOrdinal, answer.nextOrdinal);
    calls.appends.push({ beganAt, endedAt: this.#tick(), refusal, writer, items, expectedOrdinal, key, answer });
  }

  async #other(
    kind: Exclude<CallPlan["do"], "append">,
    { known, calls }: { readonly known: { writer: ThreadWriter }; readonly calls: ThreadCalls },
  ): Promise<void> {
    const { threadId } = calls;
    const beganAt = this.#tick();
    if (kind === "read") {
      const { records } = await this.#store.loadHistory({ threadId });
      calls.reads.push({ beganAt, endedAt: this.#tick(), refusal: undefined, records });
    } else if (kind === "resume") {
      const { writer, nextOrdinal } = await this.#store.resumeThread({ threadId });
      if (writer.epoch > known.writer.epoch) known.writer = writer;
      calls.resumes.push({ beganAt, endedAt: this.#tick(), refusal: undefined, epoch: writer.epoch, nextOrdinal });
    } else if (this.#hasArchive || kind === "rename" || kind === "mark") {
      const name = `name ${beganAt}`;
      const { refusal } = await outcomeOf(this.#change(kind, { threadId, name }));
      calls.changes.push({ beganAt, endedAt: this.#tick(), refusal, kind, name });
    }
  }

  #change(kind: SettledChange["kind"], { threadId, name }: { threadId: string; name: string }): Promise<unknown> {
    switch (kind) {
      case "rename":
        return this.#store.updateThreadMetadata({ threadId, patch: { name } });
      case "mark":
        return this.#store.updateThreadMetadata({ threadId, patch: { memoryMode: "disabled" } });
      case "archive":
        return this.#store.archiveThread(threadId);
      case "unarchive":
        return this.#store.unarchiveThread(threadId);
    }
  }

  #tick(): number {
    this.#step += 1;
    return this.#step;
  }
}

const REFUSALS: ReadonlySet<string> = new Set([
  "ordinal_conflict",
  "writer_fenced",
  "writer_closed",
  "thread_archived",
  "thread_not_archived",
]);

async function outcomeOf<Answer>(
  call: Promise<Answer>,
): Promise<{ readonly answer: Answer | undefined; readonly refusal: SkeinError | undefined }> {
  try {
    return { answer: await call, refusal: undefined };
  } catch (error) {
    if (!isSkeinError(error)) throw error;
    ok(REFUSALS.has(error.code), `${error.code}: ${error.message}`);
    return { answer: undefined, refusal: error };
  }
}
