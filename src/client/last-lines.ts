/**
 * The last lines of a text that comes in pieces, and no more than a bound of them: what a process said before it
 * died is worth telling, and what it said all day is not worth keeping.
 */

/** See the file's head. */
export interface LastLines {
  push(chunk: string): void;
  /** The last lines, joined; the beginning of one that has not ended is the last of them. */
  text(): string;
}

/** Keeps this many lines, each cut at this many characters. */
export function createLastLines(linesMax: number, lineCharsMax: number): LastLines {
  let lines: string[] = [];
  let open = "";
  const take = (piece: string): void => {
    if (open.length < lineCharsMax) open += piece.slice(0, lineCharsMax - open.length);
  };
  return {
    push(chunk: string): void {
      const [first = "", ...others] = chunk.split("\n");
      take(first);
      for (const other of others) {
        lines.push(open.trimEnd());
        open = "";
        take(other);
      }
      lines = lines.slice(-linesMax);
    },
    text: () => [...lines, open].slice(-linesMax).join("\n").trim(),
  };
}
