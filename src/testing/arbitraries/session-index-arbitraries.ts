/**
 * Arbitrary session indexes: names given, given again and cleared, names of threads that are gone, lines that
 * nobody can read, and a last line that was cut off.
 */
import fc from "fast-check";

/** A session index, and what its readers make of it. */
export interface SessionIndexFile {
  /** Null: there is none. */
  readonly bytes: Uint8Array | null;
  /** The last name of each thread; null where it was cleared. */
  readonly names: ReadonlyMap<string, string | null>;
}

const NAMES = ["One", "Two", " around it ", "ünïcode \u{1f9f5}", '"quoted" \\', "", "  "];
/** Of threads that no home of this kit holds. */
const GONE_IDS = ["0197fe90-0000-7000-8000-0000000000aa", "0197fe90-0000-7000-8000-0000000000bb"];
const TIME = "2026-05-05T12:00:00.000Z";

const ODD_LINES = [
  "",
  "not json",
  "{}",
  "[]",
  "null",
  '{"id":7,"thread_name":"a number"}',
  '{"id":"0197fe90-0000-7000-8000-0000000000aa"}',
  '{"id":"0197fe90-0000-7000-8000-0000000000aa","thread_na',
  '\ufeff{"id":"0197fe90-0000-7000-8000-0000000000aa","thread_name":"behind a mark"}',
];

/** A session index that names some of these threads. */
export function arbSessionIndex(ids: readonly string[]): fc.Arbitrary<SessionIndexFile> {
  const entry = fc
    .tuple(fc.constantFrom(...ids, ...GONE_IDS), fc.constantFrom(...NAMES), fc.constantFrom("asis", "asis", "capitals"))
    .map(([id, name, form]) => entryLine(form === "asis" ? id : id.toUpperCase(), name));
  const line = fc.oneof({ weight: 4, arbitrary: entry }, { weight: 1, arbitrary: fc.constantFrom(...ODD_LINES) });
  const parts = fc.tuple(
    fc.array(line, { maxLength: 8 }),
    fc.constantFrom("\n", "\n", "\r\n"),
    fc.constantFrom("", "", '{"id":"', '{"id":"0197fe90-0000-7000-8000-0000000000aa","thread_name":"o'),
  );
  return fc.option(parts, { nil: undefined }).map((drawn) => {
    if (drawn === undefined) return { bytes: null, names: new Map() };
    const [lines, end, tail] = drawn;
    const text = lines.map((each) => each + end).join("") + tail;
    return { bytes: Uint8Array.from(Buffer.from(text)), names: namesIn(lines) };
  });
}

function entryLine(id: string, name: string): string {
  return JSON.stringify({ id, thread_name: name, updated_at: TIME });
}

/** By another way than the store's reader: only lines that were made as entries are looked at. */
function namesIn(lines: readonly string[]): ReadonlyMap<string, string | null> {
  const names = new Map<string, string | null>();
  for (const line of lines) {
    if (!line.endsWith(`"updated_at":"${TIME}"}`)) continue;
    const { id, thread_name: name } = JSON.parse(line) as { readonly id: string; readonly thread_name: string };
    names.set(id.toLowerCase(), name.trim() === "" ? null : name.trim());
  }
  return names;
}
