/**
 * A number with what it counts: "1 thread", "2 threads". For words that take an s, which are those that the command
 * counts; numbers of other things are written where they are said.
 */
export function counted(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? "" : "s"}`;
}
