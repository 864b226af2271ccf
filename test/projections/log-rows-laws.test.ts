/**
 * The law of a node's rows: whatever the feed is cut into, told twice, held back or failed at, whoever reads
 * meanwhile and wherever the process ends, the rows behind it are those of folding each log whole, once, and a
 * search finds what it would if each text had been indexed with its row.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import fc from "fast-check";
import { expect, it } from "vitest";

import { assert, isSkeinError } from "../../src/base/index.ts";
import { type LogRowsOptions, openLogRows } from "../../src/projections/index.ts";
import type { LogIndex } from "../../src/store/index.ts";
import { createManualClock } from "../../src/testing/index.ts";
import { scanned } from "./folded-rows.ts";
import { lawRuns } from "./law-runs.ts";
import { foundIn, foundInWhole, wholeRows } from "./log-rows-whole.ts";
import { dumpFile, idOf, linesOf } from "./log-rows-world.ts";
import { arbAnyLog, event, metaItem } from "./reaching-logs.ts";
import type { RowDump } from "./row-dump.ts";
import { ScriptedLogSource } from "./scripted-log-source.ts";

const THREADS = 4;
/** By then what was noted for the full-text index is being indexed. */
const IDLE_MS = 300;
/** Texts of a run that are looked for, and letters of each that are. */
const TEXTS_SOUGHT_MAX = 8;
const LETTERS_SOUGHT = 6;

type Step =
  | { readonly type: "append"; readonly thread: number; readonly lines: number }
  | { readonly type: "fork"; readonly thread: number; readonly to: number; readonly end: number }
  | { readonly type: "move"; readonly thread: number; readonly archived: boolean }
  | { readonly type: "name"; readonly thread: number; readonly name: string | null | undefined }
  | { readonly type: "delete" | "read" | "cut"; readonly thread: number }
  | { readonly type: "refresh" | "reopen" | "restore" | "search" | "idle" }
  | { readonly type: "fail"; readonly after: number; readonly calls: number }
  | { readonly type: "hold"; readonly isHeld: boolean };

const thread = fc.nat(THREADS - 1);

const arbStep: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ type: fc.constant("append"), thread, lines: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("fork"), thread, to: thread, end: fc.nat(20) }) },
  fc.record({ type: fc.constant("move"), thread, archived: fc.boolean() }),
  fc.record({ type: fc.constant("name"), thread, name: fc.constantFrom("One", null, undefined) }),
  { weight: 2, arbitrary: fc.record({ type: fc.constantFrom("delete", "cut"), thread }) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant("read"), thread }) },
  { weight: 6, arbitrary: fc.record({ type: fc.constantFrom("refresh", "reopen") }) },
  { weight: 3, arbitrary: fc.record({ type: fc.constantFrom("search", "idle") }) },
  fc.record({ type: fc.constant("restore") }),
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant("fail"), after: fc.nat(12), calls: fc.integer({ min: 1, max: 3 }) }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("hold"), isHeld: fc.boolean() }) },
);

const arbPages = fc.record({
  sizes: fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 5 }),
  repeats: fc.array(fc.nat(4), { minLength: 1, maxLength: 3 }),
  part: fc.integer({ min: 1, max: 7 }),
});

/** A log's lines, its session_meta with this id. */
function linesFor(text: string, threadId: string): readonly Uint8Array[] {
  const { bytes, spans } = scanned(Buffer.from(text, "latin1"));
  return spans.map(({ start, end }) => {
    const line = Buffer.from(bytes.subarray(start, end));
    if (!line.includes('"session_meta"')) return line;
    const value = JSON.parse(line.toString("utf8")) as { type?: unknown; payload?: { id?: unknown } };
    if (value.type !== "session_meta" || typeof value.payload?.id !== "string") return line;
    return Buffer.from(`${JSON.stringify({ ...value, payload: { ...value.payload, id: threadId } })}\n`);
  });
}

class World {
  readonly source = new ScriptedLogSource();
  readonly clock = createManualClock();
  readonly #options: LogRowsOptions;
  readonly #logs: readonly (readonly Uint8Array[])[];
  #rows: LogIndex | null = null;

  constructor(path: string, logs: readonly (readonly Uint8Array[])[]) {
    this.#options = { source: this.source, path, clock: this.clock };
    this.#logs = logs;
  }

  async rows(): Promise<LogIndex> {
    this.#rows ??= await openLogRows(this.#options);
    return this.#rows;
  }

  /** Ends the rows where they are: what is not written is lost. */
  async end(): Promise<void> {
    await this.#rows?.close();
    this.#rows = null;
  }

  async take(step: Step): Promise<void> {
    const { source } = this;
    const lengthOf = (n: number): number =>
      source.logs().find((log) => log.thread.threadId === idOf(n))?.lines.length ?? 0;
    switch (step.type) {
      case "append": {
        const from = lengthOf(step.thread);
        const lines = this.#logs[step.thread]?.slice(from, from + step.lines) ?? [];
        if (lines.length > 0) source.append(idOf(step.thread), lines);
        return;
      }
      case "fork": {
        const end = Math.min(step.end, lengthOf(step.thread));
        const [meta] = linesOf([metaItem(idOf(step.to))]);
        if (lengthOf(step.to) > 0 || end === 0 || meta === undefined) return;
        source.fork(idOf(step.to), meta, { threadId: idOf(step.thread), end });
        return;
      }
      case "move":
        if (lengthOf(step.thread) > 0) source.change(idOf(step.thread), { archived: step.archived });
        return;
      case "name":
        if (lengthOf(step.thread) > 0) source.change(idOf(step.thread), { name: step.name });
        return;
      case "delete":
        if (lengthOf(step.thread) > 0) source.delete(idOf(step.thread));
        return;
      case "cut": {
        // As after a failover that lost the newest line: another stands there then.
        const kept = lengthOf(step.thread) - 1;
        if (kept < 1) return;
        source.loseHistory(idOf(step.thread), kept);
        source.append(idOf(step.thread), linesOf([event("user_message", { message: `line ${kept} once more` })], 40));
        return;
      }
      default:
        await this.#ask(step);
    }
  }

  async #ask(step: Step): Promise<void> {
    const { source } = this;
    switch (step.type) {
      case "read": {
        const known = source.logs().find((log) => log.thread.threadId === idOf(step.thread))?.thread;
        if (known === undefined || known.deleted) return;
        const read = await (await this.rows()).read(known).catch(ignoreCut);
        assert(read === undefined || read.nextOrdinal === known.nextOrdinal, "a thread is read up to where it ends");
        return;
      }
      case "refresh":
        await (await this.rows()).refresh({ isDbOnly: false }).catch(ignoreCut);
        return;
      case "search":
        await (await this.rows()).search({ query: "line" });
        return;
      case "idle":
        await this.rows();
        await this.clock.run(IDLE_MS);
        return;
      case "reopen":
        return this.end();
      case "restore":
        source.generation += 1;
        return;
      case "fail":
        source.failures = step.calls;
        source.failsAfter = step.after;
        return;
      case "hold":
        source.heldFrom = step.isHeld ? source.toldEntries + 1 : Number.POSITIVE_INFINITY;
        return;
      default:
        throw new TypeError(`no step ${step.type}`);
    }
  }
}

/** The script's own failures are no findings. */
function ignoreCut(error: unknown): undefined {
  assert(isSkeinError(error, "connection_lost"), String(error));
  return undefined;
}

/** Beginnings of texts, of those that are long enough for the full-text index and of those that are not. */
function queriesOf({ texts }: RowDump): readonly string[] {
  const beginnings = texts.map(({ text }) => Array.from(String(text)).slice(0, LETTERS_SOUGHT).join(""));
  const queries = new Set(beginnings.filter((query) => query.trim() !== ""));
  return [...queries].slice(0, TEXTS_SOUGHT_MAX);
}

it(
  "law: rows behind any cut of the feed into pages are the rows of folding each log whole",
  { timeout: 120_000 },
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "skein-log-rows-"));
    let run = 0;
    const property = fc.asyncProperty(
      fc.array(arbAnyLog(), { minLength: THREADS, maxLength: THREADS }),
      fc.array(arbStep, { minLength: 3, maxLength: 40 }),
      arbPages,
      fc.boolean(),
      async (texts, steps, { sizes, repeats, part }, searches) => {
        run += 1;
        const path = join(folder, `${run}.sqlite`);
        const world = new World(
          path,
          texts.map((text, n) => linesFor(text, idOf(n))),
        );
        const { source } = world;
        source.pageSize = () => sizes[source.pages % sizes.length] ?? 1;
        source.repeats = () => repeats[source.pages % repeats.length] ?? 0;
        source.partSize = part;
        try {
          for (const step of steps) await world.take(step);
          source.failures = 0;
          expect(await (await world.rows()).refresh({ isDbOnly: false })).toMatchObject({ isComplete: true });
          if (searches) {
            const queries = queriesOf(wholeRows(source));
            expect(await foundIn(await world.rows(), queries)).toEqual(foundInWhole(source.logs(), queries));
          }
        } finally {
          await world.end();
        }
        expect(dumpFile(path)).toEqual(wholeRows(source));
      },
    );
    try {
      await fc.assert(property, { numRuns: lawRuns(100) });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
);
