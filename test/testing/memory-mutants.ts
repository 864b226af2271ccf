/**
 * Bugs of the memory store's own code. Those of the methods that all stores have are planted from outside
 * (planted-*.ts); these are of what is inside.
 */
import type { SourceMutant } from "./source-mutant.ts";

const LOG = "src/store/memory/memory-log.ts";
const THREADS = "src/store/memory/memory-threads.ts";
const STORE = "src/store/memory/memory-thread-store.ts";

/** The bugs. */
export const memoryMutants: readonly SourceMutant[] = [
  {
    name: "records of a page are counted from the page's beginning",
    file: LOG,
    from: "decodeLine(line, from + index)",
    to: "decodeLine(line, index)",
    fixture: "memory",
    caughtBy: ["history.pages"],
  },
  {
    name: "a fork copies one record too few",
    file: LOG,
    from: "source.#lines.slice(0, end)",
    to: "source.#lines.slice(0, Math.max(0, end - 1))",
    fixture: "memory",
    caughtBy: ["fork.prefix"],
  },
  {
    name: "a fork and its source share their lines",
    file: LOG,
    from: "    for (const [ordinal, line] of lines.entries()) {",
    to: "    this.#lines.length = 0;\n    source.#lines.unshift();\n    for (const [ordinal, line] of lines.entries()) {",
    fixture: "memory",
    caughtBy: ["fork.prefix"],
  },
  {
    name: "a key's answer is not kept",
    file: LOG,
    from: "this.keys.set(batch.key, { firstOrdinal: first, nextOrdinal: this.length });",
    to: "",
    fixture: "memory",
    caughtBy: ["append.idempotent"],
  },
  {
    name: "a list by updated_at follows what was written since its walk began",
    file: LOG,
    from: "return asOfMs === null || updatedAtMs <= asOfMs ? updatedAtMs : this.#newestMs(asOfMs, () => true);",
    to: "return asOfMs === null || updatedAtMs >= 0 ? updatedAtMs : this.#newestMs(asOfMs, () => true);",
    fixture: "memory",
    caughtBy: ["list.under-writes"],
  },
  {
    name: "a list by recency follows every record, not the turns",
    file: LOG,
    from: "recencyAtMs : this.#newestMs(asOfMs, beginsTurn);",
    to: "recencyAtMs : this.#newestMs(asOfMs, () => true);",
    fixture: "memory",
    caughtBy: ["list.recency"],
  },
  {
    name: "any writer writes while one is open: the lease has no token",
    file: THREADS,
    from: "if (thread.openEpoch === epoch) return thread;",
    to: "if (thread.openEpoch !== null) return thread;",
    fixture: "memory",
    caughtBy: ["lifecycle.fenced"],
  },
  {
    name: "an old writer's shutdown closes the newer one",
    file: THREADS,
    from: "if (thread === undefined || thread.openEpoch !== writer.epoch) return;",
    to: "if (thread === undefined) return;",
    fixture: "memory",
    caughtBy: ["lifecycle.idempotent"],
  },
  {
    name: "the id of a thread that was only created stays taken",
    file: THREADS,
    from: "if (thread.log.length === 0) this.#threads.delete(thread.id);",
    to: "",
    fixture: "memory",
    caughtBy: ["lifecycle.taken-id"],
  },
  {
    name: "an append that expects an ordinal behind the end is written",
    file: THREADS,
    from: "if (expectedOrdinal !== undefined && expectedOrdinal !== actualOrdinal) {",
    to: "if (expectedOrdinal !== undefined && expectedOrdinal < actualOrdinal) {",
    fixture: "memory",
    caughtBy: ["append.expected-ordinal"],
  },
  {
    name: "a fork may be cut one record past its source's end",
    file: THREADS,
    from: "endOrdinal <= length) return source;",
    to: "endOrdinal <= length + 1) return source;",
    fixture: "memory",
    caughtBy: ["fork.bad-cut"],
  },
  {
    name: "a thread that was read is the store's own object",
    file: THREADS,
    from: "return structuredClone(storedOf(thread));",
    to: "return storedOf(thread);",
    fixture: "memory",
    caughtBy: ["metadata.no-sharing"],
  },
  {
    name: "what a thread was made with is the caller's own object",
    file: THREADS,
    from: "meta: structuredClone(meta),",
    to: "meta,",
    fixture: "memory",
    caughtBy: ["metadata.no-sharing"],
  },
  {
    name: "an append is not told",
    file: THREADS,
    from: "this.#tellFrom(thread, firstOrdinal);\n    return {",
    to: "return {",
    fixture: "memory",
    caughtBy: ["append.told"],
  },
  {
    name: "a created thread says that it goes on at 0",
    file: THREADS,
    from: "return Math.max(log.length, 1);",
    to: "return log.length;",
    fixture: "memory",
    caughtBy: ["lifecycle.next-ordinal"],
  },
  {
    name: "the last full page is not the end",
    file: STORE,
    from: "isEnd: nextOrdinal >= log.length",
    to: "isEnd: nextOrdinal > log.length",
    fixture: "memory",
    caughtBy: ["history.pages"],
  },
  {
    name: "a closed memory store answers",
    file: STORE,
    from: 'if (this.#isClosed) throw fault("runtime_closed", "the store is closed");',
    to: "",
    fixture: "memory",
    caughtBy: ["lifecycle.close"],
  },
];
