/**
 * Snippets: the text around a search's first match. What is looked for is literal, whatever signs it
 * holds, and upper and lower case are the same. Every adapter finds by this, so that they agree on what a
 * match is.
 * (search.literal, search.unicode, search.snippet)
 */
import { rejection } from "../base/index.ts";

/** Characters shown before and behind a match. */
const SNIPPET_CHARS_AROUND = 60;

/** What a pattern would not take literally. */
const SYNTAX = /[\^$\\.*+?()[\]{}|/]/gu;

/** Finds the text around the first match in a list of texts, ignoring case; null where there is none. */
export type SnippetFinder = (texts: Iterable<string | null>) => string | null;

/** Makes the finder of a query. `invalid_argument` when the query is blank. */
export function createSnippetFinder(query: unknown): SnippetFinder {
  if (typeof query !== "string" || query.trim() === "") {
    throw rejection("invalid_argument", "a search needs a query");
  }
  const pattern = new RegExp(query.replaceAll(SYNTAX, String.raw`\$&`), "iu");
  return (texts) => {
    for (const text of texts) {
      const match = text === null ? null : pattern.exec(text);
      if (match !== null) return around(match);
    }
    return null;
  };
}

function around({ input, index, 0: matched }: RegExpExecArray): string {
  const from = pairBegin(input, Math.max(0, index - SNIPPET_CHARS_AROUND));
  const to = pairBegin(input, Math.min(input.length, index + matched.length + SNIPPET_CHARS_AROUND));
  return `${from > 0 ? "…" : ""}${input.slice(from, to)}${to < input.length ? "…" : ""}`;
}

/** The place, or the one before it where a sign of two characters would be cut in half. */
function pairBegin(text: string, at: number): number {
  const code = text.charCodeAt(at);
  return at > 0 && code >= 0xdc00 && code <= 0xdfff ? at - 1 : at;
}
