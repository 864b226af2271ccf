/**
 * How deep a message is nested, seen in its text before anything is made of it. JSON of any depth can be read without
 * a stack, but not checked, kept, shown again or written: one hundred thousand brackets would be an overflow in
 * whichever of these is reached first. The peer drops what is nested deeper than 128.
 */

/** Deepest nesting of a message. Recorded items hold 120 levels, and an answer puts a few around them. */
const MESSAGE_DEPTH_MAX = 256;

const QUOTE = 0x22;
const OPENING_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** Whether the text has more than MESSAGE_DEPTH_MAX arrays and objects within each other. */
export function isNestedTooDeep(text: string): boolean {
  // Each level has a beginning and an end: most messages are too short.
  if (text.length <= MESSAGE_DEPTH_MAX * 2) return false;
  let depth = 0;
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case QUOTE:
        at = endOfString(text, at);
        break;
      case OPENING_BRACKET:
      case OPENING_BRACE:
        depth += 1;
        if (depth > MESSAGE_DEPTH_MAX) return true;
        break;
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        depth -= 1;
        break;
    }
  }
  return false;
}

/** The place of the quotation mark that ends the string beginning here; the text's end where none does. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === BACKSLASH) escapes += 1;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
