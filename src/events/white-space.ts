/**
 * White space as Codex means it: Unicode's own list. JavaScript's `trim` differs in two characters, the
 * next line (U+0085), which it keeps, and the byte order mark (U+FEFF), which it takes away.
 */

const WHITE = /^\p{White_Space}$/u;
const BLANK = /^\p{White_Space}*$/u;

/** The text without white space at its ends. */
export function trimWhite(text: string): string {
  // By hand: a pattern for the end of a long text looks for it at every place.
  let start = 0;
  let end = text.length;
  while (start < end && WHITE.test(text.charAt(start))) start += 1;
  while (end > start && WHITE.test(text.charAt(end - 1))) end -= 1;
  return text.slice(start, end);
}

/** Whether there is nothing but white space. */
export function isBlankText(text: string): boolean {
  return BLANK.test(text);
}
