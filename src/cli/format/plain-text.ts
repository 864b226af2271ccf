/**
 * Text from threads made safe for a terminal. What a model or a file said may hold escape sequences
 * that would move the cursor, set the title or paint over a prompt; they are shown as visible signs.
 *
 * Only what people read goes through here; JSON keeps the exact text.
 */

/** Controls but newline and tab, and the marks that turn the direction of writing around. */
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** The text without anything a terminal would obey; newlines and tabs stay. */
export function toPlainText(text: string): string {
  return text.replaceAll("\r\n", "\n").replace(CONTROLS, toVisible);
}

/** The text as one line: newlines become `⏎`, blanks are joined. */
export function toPlainLine(text: string): string {
  return toPlainText(text.trim())
    .replace(/[ \t]*\n+[ \t]*/g, " ⏎ ")
    .replaceAll("\t", " ");
}

/** The text cut to `columns` of a terminal, with `…` where something was left out. */
export function cutToWidth(text: string, columns: number): string {
  if (columns <= 0) return "";
  let width = 0;
  let end = 0;
  let endBeforeEllipsis = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns) return `${text.slice(0, endBeforeEllipsis)}…`;
    end += character.length;
    if (width < columns) endBeforeEllipsis = end;
  }
  return text;
}

/** Columns the text takes on a terminal. */
export function widthOf(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}|[\u{20000}-\u{3fffd}]/u;
const ZERO_WIDTH = /\p{Mn}|\p{Me}|\p{Cf}/u;

function characterWidth(character: string): number {
  if (character <= "\u007e") return 1;
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** U+2400 block: the picture of a control character. Others get the replacement character. */
function toVisible(control: string): string {
  const code = control.charCodeAt(0);
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? "\u2421" : "\ufffd";
}
