/**
 * Lines of a stream, as a pipe gives them: split at newlines, decoded as UTF-8, the last one also
 * without a newline. A line longer than a turn may be is refused before it fills the memory.
 */
import { StringDecoder } from "node:string_decoder";

import { LIMITS, rejection } from "../base/index.ts";

/** Yields each line without its line end. `invalid_argument` for one that is too long. */
export async function* readLines(input: AsyncIterable<unknown>): AsyncGenerator<string> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of input) {
    rest += Buffer.isBuffer(chunk) ? decoder.write(chunk) : String(chunk);
    let start = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", start)) {
      yield withoutReturn(rest.slice(start, end));
      start = end + 1;
    }
    rest = rest.slice(start);
    if (rest.length > LIMITS.inputCharsMax) throw tooLong(rest.length);
  }
  rest += decoder.end();
  if (rest !== "") yield withoutReturn(rest);
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}

function tooLong(characters: number): Error {
  return rejection("invalid_argument", `a line is longer than a turn may be (${LIMITS.inputCharsMax} characters)`, {
    charactersMax: LIMITS.inputCharsMax,
    characters,
  });
}
