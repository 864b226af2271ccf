/**
 * Arbitrary rollouts as files of a home hold them: whole threads and forks of earlier ones, in batches as they
 * were appended, with what other programs, editors and crashes do to a file and every reader must get through.
 * Drawn as drafts, one a place in the home, and made into bytes when it is known which drafts there are.
 */
import fc from "fast-check";

import { type AppendableItem, encodeLine, type RecordMarks } from "../../events/index.ts";
import { sealLine } from "../../store/index.ts";
import { homePaths, newRolloutPath } from "../../store/local/index.ts";
import { arbHistory } from "./history-arbitraries.ts";
import { arbTurnItems } from "./turn-arbitraries.ts";

/** What was done to a file that is still a thread's. */
const DAMAGES = ["none", "none", "none", "crlf", "odd lines", "half utf8", "torn line", "torn batch"] as const;

/** Where a second file of the same thread stands. */
const COPY_FOLDERS = [null, null, null, null, null, null, "sessions/copies", "archived_sessions"] as const;

/** A thread to be made. */
export interface RolloutDraft {
  readonly id: string;
  readonly createdAtMs: number;
  /** Its session_meta first; of a fork, what follows it is behind the copied records. */
  readonly history: readonly AppendableItem[];
  /** Sizes of its appends, over and over. */
  readonly batches: readonly number[];
  /** Which of the threads before it, counted round, and how many of its batches. */
  readonly fork: { readonly of: number; readonly batches: number; readonly isMarked: boolean } | null;
  readonly damage: (typeof DAMAGES)[number];
  /** Where in the file the damage is, counted round. */
  readonly at: number;
  readonly archived: boolean;
  readonly copyFolder: (typeof COPY_FOLDERS)[number];
}

/** A thread's file. */
export interface RolloutFile {
  readonly draft: RolloutDraft;
  /** Relative to the home. */
  readonly path: string;
  readonly name: string;
  readonly bytes: Uint8Array;
  /** Whole appends, for forks of it. */
  readonly batches: readonly string[];
  readonly records: number;
  readonly forkedFromId: string | null;
}

/** Days with something about them: two on one day, a leap day, the turn of a year, where summer time begins. */
const BIRTHS = [
  "2025-07-13T08:00:00.000Z",
  "2025-07-13T08:00:01.000Z",
  "2024-02-29T12:00:00.000Z",
  "2025-12-31T23:59:59.000Z",
  "2026-03-29T01:30:00.000Z",
  "2026-05-05T10:00:00.000Z",
];

/** The id and the birth of the thread at a place of the home: the same in every home. */
export function threadAtPlace(place: number): { readonly id: string; readonly createdAtMs: number } {
  const day = Date.parse(BIRTHS[place % BIRTHS.length] ?? "");
  const createdAtMs = day + Math.floor(place / BIRTHS.length) * 3_600_000;
  const time = createdAtMs.toString(16).padStart(12, "0");
  const number = place.toString(16).padStart(12, "0");
  return { id: `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${number}`, createdAtMs };
}

/** The thread at a place of the home. */
export function arbRolloutDraft(place: number): fc.Arbitrary<RolloutDraft> {
  const { id, createdAtMs } = threadAtPlace(place);
  const turns = fc.tuple(...[1, 2].map((n) => fc.option(arbTurnItems(`turn-of-${place}-${n}`), { nil: [] })));
  const fork = fc.record({ of: fc.nat(7), batches: fc.nat(20), isMarked: fc.boolean() }, { noNullPrototype: true });
  const isFork = place > 0 ? fc.constantFrom(false, false, true) : fc.constant(false);
  return fc
    .record(
      {
        history: arbHistory({ threadId: id, stepsMax: 4 }),
        turns,
        isFork,
        fork,
        batches: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }),
        damage: fc.constantFrom(...DAMAGES),
        at: fc.nat(200),
        archived: fc.constantFrom(false, false, true),
        copyFolder: fc.constantFrom(...COPY_FOLDERS),
      },
      { noNullPrototype: true },
    )
    .map(({ turns: more, isFork: forks, fork: drawn, history, ...rest }) => ({
      ...rest,
      id,
      createdAtMs,
      fork: forks ? drawn : null,
      history: forks ? [...history.slice(0, 1), ...more.flat()] : history,
    }));
}

/** The file of a draft. `before`: the files of the drafts before it, which it may be a fork of. */
export function rolloutFileOf(draft: RolloutDraft, before: readonly RolloutFile[]): RolloutFile {
  const source = draft.fork === null ? undefined : before[draft.fork.of % before.length];
  const forkedFromId = source?.draft.id ?? null;
  const copied = source?.batches.slice(0, draft.fork?.batches ?? 0) ?? [];
  const [meta, ...rest] = draft.history;
  const head = meta === undefined ? "" : headLine(draft, meta, { forkedFromId, copied });
  const batches = [head, ...copied, ...encodeBatches(draft, rest)];
  const { text, oddRecords } = damaged(draft, batches);
  const path = pathOf(draft);
  return {
    draft,
    path,
    name: path.slice(path.lastIndexOf("/") + 1),
    bytes: text,
    batches,
    records: batches.reduce((sum, batch) => sum + linesOf(batch), 0) + oddRecords,
    forkedFromId,
  };
}

function linesOf(batch: string): number {
  return batch.split("\n").length - 1;
}

interface ForkedFrom {
  readonly forkedFromId: string | null;
  readonly copied: readonly string[];
}

/** The session_meta's line: born when its id says, and of whom. */
function headLine(draft: RolloutDraft, meta: AppendableItem, { forkedFromId, copied }: ForkedFrom): string {
  const timestamp = new Date(draft.createdAtMs).toISOString();
  const from = forkedFromId === null ? {} : { forked_from_id: forkedFromId };
  const line = encodeLine({ ...meta, payload: { ...meta.payload, timestamp, ...from } } as AppendableItem, timestamp);
  if (forkedFromId === null || draft.fork?.isMarked !== true) return line;
  const records = copied.reduce((sum, batch) => sum + linesOf(batch), 0);
  return sealLine(`${line.slice(0, line.lastIndexOf("}"))},"skein":{"copied":${records}}}\n`);
}

function encodeBatches(draft: RolloutDraft, items: readonly AppendableItem[]): readonly string[] {
  const { batches: sizes } = draft;
  const batches: string[] = [];
  for (let at = 0; at < items.length;) {
    const size = sizes[batches.length % sizes.length] ?? 1;
    const lines = items.slice(at, at + size).map((item, index, all) => {
      const marks = marksOf(all.length - 1 - index, `${draft.id}-${at}`);
      const line = encodeLine(item, timeOf(draft, at + index), marks);
      return batches.length % 2 === 0 ? line : sealLine(line);
    });
    batches.push(lines.join(""));
    at += size;
  }
  return batches;
}

/** Some appends have a key, as clients give them; it stands on the last line. */
function marksOf(more: number, key: string): RecordMarks {
  if (more > 0) return { more };
  return key.endsWith("3") ? { key } : {};
}

function timeOf({ createdAtMs }: RolloutDraft, ordinal: number): string {
  return new Date(createdAtMs + (ordinal + 1) * 1_000).toISOString();
}

/** With its end, and whether it is a record: blank lines are none, all others keep a place. */
const ODD_LINES = [
  ["\n", 0],
  [" \t\r\n", 0],
  ["not json\n", 1],
  ["{}\n", 1],
  ['{"timestamp":"2026-05-05T11:00:00.000Z","type":"a_type_to_come","payload":{"x":1}}\n', 1],
  ['{"timestamp":"2026-05-05T11:00:00.000Z","type":"event_msg","payload":{"type":"user_message"}}\n', 1],
  ['\ufeff{"timestamp":"2026-05-05T11:00:00.000Z","type":"event_msg","payload":{"type":"user_message"}}\n', 1],
] as const;

/** A message whose text is cut inside of a letter, as a program that counts bytes leaves it. */
const HALF_LETTER = Buffer.concat([
  Buffer.from(
    '{"timestamp":"2026-05-05T11:00:00.000Z","type":"event_msg","payload":{"type":"user_message","message":"h',
  ),
  Buffer.from([0xc3]),
  Buffer.from('"}}\n'),
]).toString("latin1");

interface Damaged {
  readonly text: Uint8Array;
  /** Records that the damage added. */
  readonly oddRecords: number;
}

/** The file's bytes. All of the draft's batches are whole in it, whatever was done. */
function damaged(draft: RolloutDraft, batches: readonly string[]): Damaged {
  const { damage, at } = draft;
  const bytes = batches.map((batch) => Buffer.from(batch).toString("latin1"));
  const place = 1 + (at % bytes.length);
  const tail = encodeBatches({ ...draft, batches: [2] }, [torn("one"), torn("two")]).join("");
  const firstEnd = tail.indexOf("\n") + 1;
  switch (damage) {
    case "none":
      return joined(bytes);
    case "crlf":
      return joined(bytes.map((batch) => batch.replaceAll("\n", "\r\n")));
    case "odd lines": {
      const [line, oddRecords] = ODD_LINES[at % ODD_LINES.length] ?? ["\n", 0];
      return joined(bytes.toSpliced(place, 0, Buffer.from(line).toString("latin1")), oddRecords);
    }
    case "half utf8":
      return joined(bytes.toSpliced(place, 0, HALF_LETTER), 1);
    case "torn line":
      return joined([...bytes, tail.slice(0, 1 + (at % (firstEnd - 1)))]);
    case "torn batch":
      // Its first line whole, of the second at most all but its brace: it would count if it lacked only the newline.
      return joined([...bytes, tail.slice(0, firstEnd + (at % (tail.length - firstEnd - 1)))]);
  }
}

function torn(message: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message } };
}

function joined(latin1: readonly string[], oddRecords = 0): Damaged {
  return { text: Uint8Array.from(Buffer.from(latin1.join(""), "latin1")), oddRecords };
}

function pathOf({ id, createdAtMs, archived }: RolloutDraft): string {
  const path = newRolloutPath(homePaths("/home"), id, createdAtMs).slice("/home/".length);
  return archived ? `archived_sessions/${path.slice(path.lastIndexOf("/") + 1)}` : path;
}
