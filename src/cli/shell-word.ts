/**
 * Text in the commands that a person is shown and pastes into a shell: a blank, an `&` or a `?` in a path or a url is
 * nothing but a part of it there.
 */

/** The text as one word of a shell. */
export function shellWord(text: string): string {
  return /^[\w./:@+=,-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
