/**
 * Times as people read them: local, to the second or the minute. Programs get the numbers instead, so
 * nothing here is ever parsed again.
 */

/** `2026-11-22 07:40:38`, in the machine's own time zone; `?` for a time that is none. */
export function formatLocalTime(epochMs: number): string {
  const time = new Date(epochMs);
  if (Number.isNaN(time.getTime())) return "?";
  const date = `${pad(time.getFullYear(), 4)}-${pad(time.getMonth() + 1)}-${pad(time.getDate())}`;
  return `${date} ${pad(time.getHours())}:${pad(time.getMinutes())}:${pad(time.getSeconds())}`;
}

/** `2026-11-22 07:40`: as above without seconds. */
export function formatLocalMinute(epochMs: number): string {
  return formatLocalTime(epochMs).slice(0, 16);
}

/** `07:40:38.123`: the clock time of an RFC 3339 timestamp, locally; blanks where there is none. */
export function formatClockTime(timestamp: string | null): string {
  const epochMs = timestamp === null ? Number.NaN : Date.parse(timestamp);
  if (Number.isNaN(epochMs)) return "            ";
  const millis = pad(((epochMs % 1000) + 1000) % 1000, 3);
  return `${formatLocalTime(epochMs).slice(11)}.${millis}`;
}

/** `1.2 s`, `340 ms`, `3 min 20 s`. */
export function formatDuration(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)} ms`;
  if (durationMs < 60_000) return `${(durationMs / 1_000).toFixed(1)} s`;
  const seconds = Math.round(durationMs / 1_000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

function pad(value: number, digits = 2): string {
  return String(value).padStart(digits, "0");
}
