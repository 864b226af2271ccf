/**
 * The lines of a thread that comes in, each with what its row says beside the bytes: its ordinal, and the idempotency
 * key it is the last line of. What a fork copied from its source says nothing of the fork's own keys.
 */
import { canonicalThreadId, fault, type SkeinError } from "../../base/index.ts";
import { decodeLineBytes, peekMore } from "../../events/index.ts";

/** A line to be stored. */
export interface IncomingLine {
  readonly ordinal: number;
  /** With its newline. */
  readonly bytes: Uint8Array;
  readonly key: { readonly text: string; readonly firstOrdinal: number } | null;
}

const NEWLINE = 0x0a;
/** Records that may stand in front of the session_meta (Codex looks at 10). */
const HEAD_RECORDS_MAX = 10;
const MARKS = '"skein":';
const COPIED_MARK = /"skein":\{"copied":(\d{1,15})\}(?:,"crc":"[\da-f]{8}")?\}\s*$/;
const MARK_BYTES_MAX = 80;

/** Takes a log apart, in order. A class because it has a life: it is fed, part after part. */
export class IncomingLines {
  readonly #threadId: string;
  #nextOrdinal = 0;
  #byteCount = 0;
  #hasHead = false;
  /** Records behind the session_meta that are another thread's. */
  #copied = 0;
  /** The append that the last line is of: where it began, and how many lines of it are to come. */
  #append = { firstOrdinal: 0, more: 0 };

  constructor(threadId: string) {
    this.#threadId = threadId;
  }

  get lineCount(): number {
    return this.#nextOrdinal;
  }

  get byteCount(): number {
    return this.#byteCount;
  }

  /** The lines of a part. `rollout_unreadable` where they are no log of this thread. */
  take(part: Uint8Array): readonly IncomingLine[] {
    if (part[part.byteLength - 1] !== NEWLINE) throw notALog(this.#threadId, "a line of it has no end");
    this.#byteCount += part.byteLength;
    const bytes = Buffer.from(part.buffer, part.byteOffset, part.byteLength);
    const lines: IncomingLine[] = [];
    for (let at = 0; at < bytes.byteLength;) {
      const end = bytes.indexOf(NEWLINE, at) + 1;
      lines.push(this.#line(bytes.subarray(at, end)));
      at = end;
    }
    return lines;
  }

  /** Nothing comes any more. `rollout_unreadable` where something is missing. */
  end(): void {
    if (!this.#hasHead) throw notALog(this.#threadId, "it does not start with a session_meta");
    if (this.#append.more > 0) throw notALog(this.#threadId, "its last append is torn");
  }

  #line(bytes: Buffer): IncomingLine {
    const ordinal = this.#nextOrdinal;
    this.#nextOrdinal += 1;
    if (!this.#hasHead) this.#lookForHead(bytes, ordinal);
    const more = peekMore(bytes, 0, bytes.byteLength - 1);
    const goesOn = this.#append.more > 0 && more === this.#append.more - 1;
    const firstOrdinal = goesOn ? this.#append.firstOrdinal : ordinal;
    this.#append = { firstOrdinal, more };
    const isOwn = ordinal > this.#copied;
    const text = isOwn && bytes.includes(MARKS) ? decodeLineBytes(bytes, ordinal).marks?.key : undefined;
    return { ordinal, bytes, key: text === undefined ? null : { text, firstOrdinal } };
  }

  #lookForHead(bytes: Buffer, ordinal: number): void {
    if (ordinal >= HEAD_RECORDS_MAX) throw notALog(this.#threadId, "it does not start with a session_meta");
    const { item } = decodeLineBytes(bytes, ordinal);
    if (item.type !== "session_meta") return;
    const { id } = item.payload;
    if (canonicalThreadId(id) !== this.#threadId) throw notALog(this.#threadId, `it is of thread ${id}`);
    this.#hasHead = true;
    const tail = bytes.subarray(-MARK_BYTES_MAX).toString("latin1");
    if (ordinal === 0) this.#copied = Number(COPIED_MARK.exec(tail)?.[1] ?? 0);
  }
}

function notALog(threadId: string, why: string): SkeinError {
  return fault("rollout_unreadable", `what came in as thread ${threadId} is no log of it: ${why}`, {
    data: { threadId },
  });
}
