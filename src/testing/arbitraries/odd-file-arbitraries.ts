/**
 * Arbitrary files that hold no thread, or none that a reader must find: empty ones, garbage, files of other
 * programs, encodings, what a crash left. None of them may make a reader fail, or lose a thread beside it.
 */
import fc from "fast-check";

import { encodeLine } from "../../events/index.ts";
import type { OddFileKind } from "./home-content.ts";

/** An odd file as it stands in a home. */
export interface OddFileDraft {
  readonly kind: OddFileKind;
  readonly path: string;
  readonly bytes: Uint8Array;
}

const KINDS: readonly OddFileKind[] = [
  "empty",
  "blank",
  "garbage",
  "foreign",
  "bom",
  "utf16",
  "headless",
  "misnamed",
  "stray",
  "leftover",
  "other",
];

/** Of no thread that a home of this kit holds: an odd file never shares its id with a sound one. */
const ODD_IDS = ["0197fe90-0000-7000-8000-00000000000a", "0197fe90-0000-7000-8000-00000000000b"];
const FOLDERS = [
  "sessions/2025/07/13",
  "sessions/2025/01/02",
  "sessions",
  "sessions/a/b/c/d",
  "archived_sessions",
  "archived_sessions/old",
];
const STRAYS = [".DS_Store", "notes.txt", "rollout.jsonl.bak", "folder.jsonl/inside.txt", "ä b.jsonl.gz"];
const OTHERS = [
  "auth.json",
  "history.jsonl",
  "version.json",
  "log/codex-tui.log",
  "skein/torn/left.bin",
  "logs_1.sqlite",
];
const TIME = "2025-07-13T08:00:00.000Z";

const FOREIGN = [
  '{"type":"user","message":{"role":"user","content":"hello"},"uuid":"1","timestamp":"2025-07-13T08:00:00.000Z"}\n',
  '{"role":"assistant","content":[{"type":"text","text":"hi"}]}\n',
  '{"id":"0197fe90-0000-7000-8000-00000000000a","timestamp":"2025-07-13T08:00:00.000Z","instructions":null}\n',
  "[\n  1,\n  2\n]\n",
  "<?xml version='1.0'?>\n<log/>\n",
];

/** One odd file. */
export function arbOddFile(): fc.Arbitrary<OddFileDraft> {
  return fc.oneof(...KINDS.map((kind) => draftOf(kind)));
}

function draftOf(kind: OddFileKind): fc.Arbitrary<OddFileDraft> {
  return fc.tuple(pathOf(kind), bytesOf(kind)).map(([path, bytes]) => ({ kind, path, bytes }));
}

function pathOf(kind: OddFileKind): fc.Arbitrary<string> {
  const folder = fc.constantFrom(...FOLDERS);
  const rollout = fc.constantFrom(...ODD_IDS).map((id) => `rollout-2025-07-13T08-00-00-${id}.jsonl`);
  switch (kind) {
    case "other":
      return fc.constantFrom(...OTHERS);
    case "stray":
      return fc.tuple(folder, fc.constantFrom(...STRAYS)).map((parts) => parts.join("/"));
    case "leftover":
      return fc.tuple(folder, rollout, fc.nat(3)).map(([at, name, n]) => `${at}/${name}.4242-${n}.fork-tmp`);
    case "foreign":
      return fc
        .tuple(folder, fc.oneof(rollout, fc.constantFrom("notes.jsonl", "rollout-x.jsonl")))
        .map((parts) => parts.join("/"));
    default:
      return fc.tuple(folder, rollout).map((parts) => parts.join("/"));
  }
}

function bytesOf(kind: OddFileKind): fc.Arbitrary<Uint8Array> {
  const garbage = fc.uint8Array({ maxLength: 200 });
  switch (kind) {
    case "empty":
      return fc.constant(new Uint8Array(0));
    case "blank":
      return fc.constantFrom("\n", "\n\n", " \r\n\t\n").map(encoded);
    case "garbage":
    case "stray":
    case "other":
      return garbage;
    case "foreign":
      return fc
        .array(fc.constantFrom(...FOREIGN), { minLength: 1, maxLength: 3 })
        .map((lines) => encoded(lines.join("")));
    case "bom":
      return fc.constant(encoded(`\ufeff${logOf(ODD_IDS[0])}`));
    case "utf16":
      return fc.constant(Uint8Array.from(Buffer.from(`\ufeff${logOf(ODD_IDS[0])}`, "utf16le")));
    case "headless":
      return fc.constant(encoded(messageLine("nobody's")));
    case "misnamed":
      return fc.constant(encoded(logOf(ODD_IDS[1])));
    case "leftover":
      return fc.nat(400).map((bytes) => encoded(logOf(ODD_IDS[0]).slice(0, bytes)));
  }
}

function messageLine(message: string): string {
  return encodeLine({ type: "event_msg", payload: { type: "user_message", message } }, TIME);
}

function logOf(id = ""): string {
  const payload = { id, timestamp: TIME, cwd: "/work/place", originator: "arbitrary", cli_version: "0.130.0" };
  return encodeLine({ type: "session_meta", payload }, TIME) + messageLine("odd");
}

function encoded(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text));
}
