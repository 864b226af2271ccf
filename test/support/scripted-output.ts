/**
 * An Output whose text a test reads back: a pipe, or a terminal of a given width. Colours are off unless
 * the test is about them.
 */
import { PassThrough } from "node:stream";

import { createOutput, type Output } from "../../src/cli/output.ts";

/** The output and what was written to it since the last look. */
export interface ScriptedOutput {
  readonly output: Output;
  said(): string;
}

/** A pipe, or with `columns` a terminal. */
export function scriptedOutput(
  columns?: number,
  env: Readonly<Record<string, string>> = { NO_COLOR: "1" },
): ScriptedOutput {
  const stream = Object.assign(new PassThrough(), columns === undefined ? {} : { isTTY: true, columns });
  return { output: createOutput(stream, env), said: () => String(stream.read() ?? "") };
}
