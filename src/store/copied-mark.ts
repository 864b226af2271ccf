/**
 * The mark on a fork's own session_meta: how many records of its source follow it. What those say about idempotency
 * keys is the source's business, not the fork's.
 */

/** A fork's session_meta line, with its mark. It is not sealed yet. */
export function markCopied(line: string, copiedRecords: number): string {
  return `${line.slice(0, line.lastIndexOf("}"))},"skein":{"copied":${copiedRecords}}}\n`;
}
