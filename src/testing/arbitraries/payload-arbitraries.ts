/**
 * The parts that arbitrary items are made of: awkward texts, members that no version knows, and an event
 * or a response item of any kind around given members. All are plain JSON that reads back as it was
 * written.
 */
import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";

const AWKWARD_TEXTS = [
  "",
  " ",
  "line\nbreak",
  "carriage\r\nreturn",
  "\u2028\u2029",
  "\u0000",
  "\u{1f9f5} emoji",
  '"quoted" \\ back',
  '},"skein":{"more":3}}',
  "## My request for Codex: do it",
  "<environment_context>\n  <cwd>/w</cwd>\n</environment_context>",
  "<turn_aborted>\nstopped\n</turn_aborted>",
  '<hook_prompt hook_run_id="r1">go on</hook_prompt>',
  " <hook_prompt hook_run_id='r2'>a &amp; b</hook_prompt>\n",
  "<hook_prompt",
] as const;

/** Short text, often awkward, always well-formed. */
export function arbText(): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 3, arbitrary: fc.string({ unit: "grapheme", maxLength: 12 }) },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }).map((text) => text.toWellFormed()) },
    { weight: 2, arbitrary: fc.constantFrom(...AWKWARD_TEXTS) },
  );
}

/** Members that no version knows, as a newer program would write them. */
export function arbUnknownMembers(): fc.Arbitrary<Readonly<Record<string, unknown>>> {
  const members = fc.dictionary(
    fc.string({ maxLength: 4 }).map((name) => `x_${name}`.toWellFormed()),
    arbJson(),
    { maxKeys: 2 },
  );
  return fc.oneof({ weight: 4, arbitrary: fc.constant({}) }, { weight: 1, arbitrary: members });
}

function arbJson(): fc.Arbitrary<unknown> {
  // Written once and read again: JSON has no -0, and what is appended has no broken surrogates.
  return fc.jsonValue({ maxDepth: 2 }).map((value): unknown => JSON.parse(JSON.stringify(value)));
}

/** An event of one kind. */
export function arbEvent(
  type: string,
  members: { readonly [name: string]: fc.Arbitrary<unknown> } = {},
): fc.Arbitrary<AppendableItem> {
  return fc
    .tuple(fc.record(members), arbUnknownMembers())
    .map(([known, unknown]) => ({ type: "event_msg", payload: { type, ...known, ...unknown } }));
}

/** A response item of one kind. */
export function arbResponse(
  type: string,
  members: { readonly [name: string]: fc.Arbitrary<unknown> },
): fc.Arbitrary<AppendableItem> {
  return fc
    .tuple(fc.record(members), arbUnknownMembers())
    .map(([known, unknown]) => ({ type: "response_item", payload: { type, ...known, ...unknown } }));
}
