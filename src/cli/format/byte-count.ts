/**
 * Numbers of bytes as people read them: in steps of a thousand, as disks are sold and as the progress of
 * long reads is shown.
 */
const UNITS = ["bytes", "kB", "MB", "GB", "TB"] as const;

/** `812 bytes`, `1.4 MB`. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}
