/**
 * The two kinds of lines that a fork has of its own where its source's are taken over: its session_meta, which says
 * how many records follow it that aren't its own, and the lines of a batch that the cut goes through.
 */

const MARKS = Buffer.from(',"skein":');

/**
 * A fork's session_meta line, marked with how many records of its source follow it: what they say about
 * idempotency keys is the source's business, not the fork's.
 */
export function markCopied(line: string, copiedRecords: number): string {
  return `${line.slice(0, line.lastIndexOf("}"))},"skein":{"copied":${copiedRecords}}}\n`;
}

/** The line with its end, and without the mark that more lines of its append follow; it stands last in it. */
export function withoutMore(line: Buffer): Buffer {
  return Buffer.concat([line.subarray(0, line.lastIndexOf(MARKS)), Buffer.from("}\n")]);
}
