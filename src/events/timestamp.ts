/**
 * RFC 3339 times of lines, read without a clock. `Date.parse` alone is too friendly: it takes "2026"
 * and local times, which no rollout means. Every replayed line passes through, so the one form that
 * Codex and Skein write is told by its characters.
 */

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** Whether the text is an RFC 3339 date and time that exists. */
export function isRfc3339(text: string): boolean {
  return isUsualForm(text) || (RFC_3339.test(text) && !Number.isNaN(Date.parse(text)));
}

/** `2026-11-22T07:32:59.526Z`, on a day that every month has. */
function isUsualForm(text: string): boolean {
  return (
    text.length === 24 &&
    text[4] === "-" &&
    text[7] === "-" &&
    text[10] === "T" &&
    text[13] === ":" &&
    text[16] === ":" &&
    text[19] === "." &&
    text[23] === "Z" &&
    pairAt(text, 0) >= 0 &&
    pairAt(text, 2) >= 0 &&
    isBetween(pairAt(text, 5), 1, 12) &&
    isBetween(pairAt(text, 8), 1, 28) &&
    isBetween(pairAt(text, 11), 0, 23) &&
    isBetween(pairAt(text, 14), 0, 59) &&
    isBetween(pairAt(text, 17), 0, 59) &&
    pairAt(text, 20) >= 0 &&
    pairAt(text, 21) >= 0
  );
}

/** The two digits at a place, or -1. */
function pairAt(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 0x30;
  const ones = text.charCodeAt(at + 1) - 0x30;
  return isBetween(tens, 0, 9) && isBetween(ones, 0, 9) ? tens * 10 + ones : -1;
}

function isBetween(value: number, low: number, high: number): boolean {
  return value >= low && value <= high;
}

/** Milliseconds since the epoch, or null where the text is no RFC 3339 time. */
export function epochMsOf(timestamp: string | null | undefined): number | null {
  if (typeof timestamp !== "string" || !isRfc3339(timestamp)) return null;
  return Date.parse(timestamp);
}
