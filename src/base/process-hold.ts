/**
 * Keeps the process alive while something is waited for that no timer or handle stands for. A library
 * must not hold its host open, so a program whose main job is to wait says so itself.
 */

/** Longest delay a timer takes; the hold only has to exist, it never has to fire. */
const FOREVER_MS = 2 ** 31 - 1;

/** Holds the process open until the returned function is called. Releasing twice is fine. */
export function holdProcess(): () => void {
  const handle = setInterval(() => {}, FOREVER_MS);
  return (): void => clearInterval(handle);
}
