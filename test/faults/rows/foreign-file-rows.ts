/**
 * Files in a home that no Skein and no Codex wrote, or that something rewrote on the way: garbage, empty ones, marks
 * and line ends of other systems, half a letter. They are named and passed over; nothing else notices them.
 */
import { linkSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { checkOthers, checkRowsLikeFiles, type DamagedHome } from "../damage-checks.ts";
import { drawCases, type FaultContext, type FaultRow } from "../fault-row.ts";
import { readFiles, readHomeFacts, THREADS } from "../fault-home.ts";
import { doctorAttention, rowsThatDiffer, verifyFindings } from "../fault-inspection.ts";
import { copyHome } from "../operation-stage.ts";

/** A file that is put into the home. */
interface ForeignFile {
  readonly id: string;
  /** Puts it there, beside or in place of the subject's log. */
  put(place: { readonly folder: string; readonly log: string; readonly home: string }): void;
  /** What `verify` calls it; null: it is a sound log as it is. */
  readonly named: string | null;
  /** The subject's own log was rewritten: it may not be there as before. */
  readonly isSubjectHurt?: boolean;
}

const NAME = "rollout-2026-01-02T03-04-05-01900000-0000-7000-8000-0000000000ff.jsonl";

function beside(content: string | Buffer): ForeignFile["put"] {
  return ({ folder }) => writeFileSync(join(folder, NAME), content);
}

function rewritten(change: (bytes: Buffer) => Buffer | string): ForeignFile["put"] {
  return ({ log }) => writeFileSync(log, change(readFileSync(log)));
}

const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);
const HALF_A_LETTER = Buffer.from(
  '{"timestamp":"2026-01-01T00:00:00.000Z","type":"event_msg","payload":"\u00e4',
).subarray(0, -1);

const FOREIGN_FILES: readonly ForeignFile[] = [
  { id: "an empty file", put: beside(""), named: "empty_file" },
  { id: "blank lines", put: beside("\n\n\n"), named: "no_session_meta" },
  {
    id: "random bytes",
    put: beside(Buffer.from(Array.from({ length: 9_000 }, (_, n) => (n * 7_919 + 13) % 251))),
    named: "no_session_meta",
  },
  { id: "zeros", put: beside(Buffer.alloc(5_000)), named: "no_session_meta" },
  { id: "JSON of something else", put: beside('{"a":1}\n{"b":2}\n[3]\n"four"\n'), named: "no_session_meta" },
  {
    id: "one JSON text over many lines",
    put: beside(JSON.stringify({ type: "session_meta", payload: { id: 1 } }, null, 2)),
    named: "no_session_meta",
  },
  {
    id: "a database",
    put: beside(Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(8_176)])),
    named: "no_session_meta",
  },
  { id: "a line of 3 MB", put: beside(`{"a":"${"x".repeat(3_000_000)}"}\n`), named: "no_session_meta" },
  { id: "a folder with a log's name", put: ({ folder }) => mkdirSync(join(folder, NAME)), named: "odd_entry" },
  {
    id: "a link to nowhere",
    put: ({ folder }) => symlinkSync("/nowhere/at/all", join(folder, NAME)),
    named: "odd_entry",
  },
  {
    id: "a second name of a thread's log",
    put: ({ folder, log }) => linkSync(log, join(folder, NAME)),
    named: "duplicate_id",
  },
  {
    id: "a copy of a thread's log",
    put: ({ folder, log }) => writeFileSync(join(folder, NAME), readFileSync(log)),
    named: "duplicate_id",
  },
  {
    id: "a name index of garbage",
    put: ({ home }) => writeFileSync(join(home, "session_index.jsonl"), "\u0000\u0001{]\n", { flag: "a" }),
    named: "bad_index_line",
  },
  { id: "CRLF ends of lines", put: rewritten((bytes) => bytes.toString("utf8").replaceAll("\n", "\r\n")), named: null },
  {
    id: "a byte order mark",
    put: rewritten((bytes) => Buffer.concat([BYTE_ORDER_MARK, bytes])),
    named: "byte_order_mark",
    isSubjectHurt: true,
  },
  {
    id: "half a letter at the end",
    put: rewritten((bytes) => Buffer.concat([bytes, HALF_A_LETTER])),
    named: "torn_tail",
  },
  {
    id: "half a letter in the middle",
    put: rewritten((bytes) =>
      Buffer.concat([bytes, HALF_A_LETTER, Buffer.from('"}\n'), bytes.subarray(bytes.lastIndexOf(0x0a, -2) + 1)]),
    ),
    named: "invalid_utf8",
    isSubjectHurt: true,
  },
  {
    id: "UTF-16",
    put: rewritten((bytes) => Buffer.from(`\ufeff${bytes.toString("utf8")}`, "utf16le")),
    named: "no_session_meta",
    isSubjectHurt: true,
  },
];

async function putFiles(context: FaultContext): Promise<void> {
  const { folder } = context;
  const start = join(folder, "start");
  await context.session.makeHome(start);
  const files = drawCases(context, FOREIGN_FILES, 5);
  for (const [n, file] of files.entries()) {
    const home = join(folder, "home");
    copyHome(start, home);
    await putOne(context, home, file);
    context.onCase(n + 1, files.length);
  }
}

async function putOne({ books }: FaultContext, home: string, file: ForeignFile): Promise<void> {
  books.inject();
  const { id, named, isSubjectHurt = false } = file;
  const before = await readHomeFacts(home);
  const log = await subjectPath(home);
  file.put({ folder: dirname(log), log, home });
  const bytes = readFiles(home);
  const codes = (await verifyFindings(home)).map(({ code }) => code);
  for (const code of codes) books.name(code);
  books.expect(
    named === null ? codes.length === 0 : codes.some((code) => code === named),
    `${id}: verify says ${codes.join(", ") || "nothing"}`,
  );
  const damaged: DamagedHome = { home, before, threadId: isSubjectHurt ? THREADS.subject : null, place: id, books };
  const found = await checkOthers(damaged);
  const rows = await checkRowsLikeFiles(damaged, found);
  books.code(rows ?? "answered");
  books.expect(rows === null, `${id}: by rows it is ${rows}`);
  for (const difference of await rowsThatDiffer(home)) {
    if (difference.startsWith("quarantined")) books.name("verify --projections: quarantined");
    else books.break(`${id}: rows: ${difference}`);
  }
  for (const attention of await doctorAttention(home))
    books.name(attention.includes("could not be folded") ? "doctor: quarantined" : `doctor: ${attention}`);
  for (const [path, digest] of readFiles(home)) {
    if (bytes.get(path) !== digest) books.harm(`${id}: reading changed ${path}`);
  }
}

async function subjectPath(home: string): Promise<string> {
  const store = await openLocalThreadStore({ home });
  try {
    return (await store.readThread({ threadId: THREADS.subject })).path ?? "";
  } finally {
    await store.close();
  }
}

/** Foreign files. */
export const FOREIGN_FILE_ROWS: readonly FaultRow[] = [
  {
    id: "fault.foreign-files",
    what: "files in the home that are no logs, or were rewritten",
    how: FOREIGN_FILES.map(({ id }) => id).join(", "),
    holds: "`verify` names each that is not sound; reading changes no file",
    needs: [],
    run: putFiles,
  },
];
