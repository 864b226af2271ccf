/**
 * RFC 3339 times of lines, read without a clock. `Date.parse` alone is too friendly: it takes
 * "2026" and local times, which no rollout means.
 */

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** Whether the text is an RFC 3339 date and time that exists. */
export function isRfc3339(text: string): boolean {
  return RFC_3339.test(text) && !Number.isNaN(Date.parse(text));
}

/** Milliseconds since the epoch, or null where the text is no RFC 3339 time. */
export function epochMsOf(timestamp: string | null | undefined): number | null {
  if (typeof timestamp !== "string" || !isRfc3339(timestamp)) return null;
  return Date.parse(timestamp);
}
