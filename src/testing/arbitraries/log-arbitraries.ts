/**
 * Arbitrary bytes of a log: good lines, and among them what other programs, crashes and editors leave.
 * Blank lines, Windows line ends, broken and foreign lines, appends of several lines that are complete or
 * not, and a last line without its end. No line names one member twice: readers may differ about those.
 */
import fc from "fast-check";

import { type AppendableItem, encodeLine } from "../../events/index.ts";
import { sealLine } from "../../store/index.ts";
import { arbHistory } from "./history-arbitraries.ts";
import { arbRolloutItem } from "./rollout-item-arbitraries.ts";

/** A log as it stands in a file. */
export interface LogBytes {
  readonly bytes: Uint8Array;
  /** The same, piece by piece: every line with its end, the last one perhaps without. */
  readonly pieces: readonly Uint8Array[];
}

/** What is wrong with a log. */
export interface ArbLogOptions {
  /** Default true: odd lines among the good ones. */
  readonly hasOddLines?: boolean;
  /** Default true: the log may end in an unterminated line. */
  readonly isTorn?: boolean;
}

const ENCODER = new TextEncoder();

/** The bytes of a log. */
export function arbLog(options: ArbLogOptions = {}): fc.Arbitrary<LogBytes> {
  const { hasOddLines = true, isTorn = true } = options;
  const items = fc.oneof(arbHistory(), fc.array(arbRolloutItem(), { maxLength: 12 }));
  const odd = hasOddLines ? fc.array(fc.tuple(fc.nat(40), arbOddLine()), { maxLength: 4 }) : fc.constant([]);
  const torn = isTorn ? fc.option(fc.constantFrom('{"timestamp":"2026-', '{"a":1}', "x")) : fc.constant(null);
  return fc
    .tuple(items, fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 5 }), odd, torn)
    .map(([history, batches, oddLines, tail]) => {
      const pieces = encodeBatches(history, batches);
      for (const [at, line] of oddLines) pieces.splice(at % (pieces.length + 1), 0, line);
      if (tail !== null) pieces.push(ENCODER.encode(tail));
      return { bytes: joined(pieces), pieces };
    });
}

/** The items as appends of these sizes, over and over. */
function encodeBatches(items: readonly AppendableItem[], sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0, batch = 0; at < items.length; batch += 1) {
    const lines = items.slice(at, at + (sizes[batch % sizes.length] ?? 1));
    for (const [index, item] of lines.entries()) {
      const more = lines.length - 1 - index;
      const marks = more > 0 ? { more } : batch % 3 === 0 ? { key: `key-${batch}` } : {};
      const line = encodeLine(item, timeOf(at + index), marks);
      // Logs of before there were checksums go on with lines that have one.
      pieces.push(ENCODER.encode(batch % 2 === 0 ? line : sealLine(line)));
    }
    at += lines.length;
  }
  return pieces;
}

function timeOf(ordinal: number): string {
  const seconds = String(ordinal % 60).padStart(2, "0");
  return `2026-05-05T10:00:${seconds}.000Z`;
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

const STAMP = '"timestamp":"2026-05-05T11:00:00.000Z"';

/** Lines that are none, or not what they look like from their first bytes. */
const ODD_TEXTS = [
  "",
  "   ",
  "\t\r",
  "not json",
  "[]",
  "null",
  "{}",
  '{"type":"event_msg","payload":{"type":"user_message","message":"no time"}}',
  '{"timestamp":17,"type":"event_msg","payload":{"type":"user_message","message":"number"}}',
  '{"timestamp":"yesterday","type":"event_msg","payload":{"type":"agent_message","message":"odd time"}}',
  `{${STAMP},"type":"a_type_to_come","payload":{"x":1}}`,
  `{${STAMP},"type":"event_msg","payload":{"type":"a_kind_to_come"}}`,
  `{${STAMP},"type":"event_msg","payload":{"type":"user_message"}}`,
  `{${STAMP},"type":"event_msg","payload":{"type":"token_count","info":nul`,
  `{${STAMP},"type":"event_msg","payload":{"type":"task_complete","turn_id":"tur`,
  `{${STAMP},"type":"response_item","payload":{"type":"reasoning","summary":"none"}}`,
  `{${STAMP},"type":"response_item","payload":{"type":"function_call","name":`,
  `{${STAMP},"type":"response_item","payload":{"type":"message","role":"developer","content":[}`,
  `{${STAMP},"type":"turn_context","payload":{"cwd":"/w"}}`,
  `{${STAMP},"type":"turn_context","payload":{"cwd":"/w","model":"m"}}`,
  `{${STAMP},"type":"turn_context","payload":{oops}}`,
  `{${STAMP},"type":"session_meta","payload":{"id":"short"}}`,
  `{${STAMP},"type":"compacted","payload":{}}`,
  `{"type":"event_msg",${STAMP},"payload":{"type":"agent_message","message":"other order"}}`,
  ` { "timestamp" : "2026-05-05T11:00:01.000Z", "type" : "event_msg", "payload" : { "type" : "user_message", "message" : "wide" } }`,
  `{${STAMP},"type":"event_msg","payload":{"message":"kind last","type":"agent_message"}}`,
  `{${STAMP},"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"\\u003chook_prompt hook_run_id=\\"r\\">x</hook_prompt>"}]}}`,
  `{${STAMP},"type":"response_item","payload":{"type":"message","role":"user","content":[{"type":"input_text","text":"<\\u0068ook_prompt hook_run_id=\\"r\\">x</hook_prompt>"}]}}`,
  `{${STAMP},"type":"response_item","payload":{"type":"message","id":"h1","role":"user","content":[{"type":"input_text","text":"<hook_prompt hook_run_id=\\"r\\">x</hook_prompt>"}]}}`,
  `{${STAMP},"type":"event_msg","payload":{"type":"user_message","message":"more to come"},"skein":{"more":2}}`,
  `{${STAMP},"type":"event_msg","payload":{"type":"token_count","info":null},"skein":{"more":1}}`,
  `\ufeff{${STAMP},"type":"event_msg","payload":{"type":"user_message","message":"bom"}}`,
] as const;

/** One odd line, with its end. */
export function arbOddLine(): fc.Arbitrary<Uint8Array> {
  const text = fc.tuple(fc.constantFrom(...ODD_TEXTS), fc.constantFrom("\n", "\r\n"));
  const invalid = fc.constantFrom("user_message", "token_count").map((kind) => {
    const line = ENCODER.encode(`{${STAMP},"type":"event_msg","payload":{"type":"${kind}","message":"?"}}\n`);
    return line.with(line.length - 5, 0xff);
  });
  return fc.oneof({ weight: 5, arbitrary: text.map(([line, end]) => ENCODER.encode(line + end)) }, invalid);
}
