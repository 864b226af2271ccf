/**
 * Lines out of bytes that arrive in any pieces: UTF-8, ended by "\n" or "\r\n", the last one also by the end.
 * Nothing a sender does makes it throw: bytes that are no UTF-8 become replacement characters, which no JSON
 * outside of a string has, and a line that is too long is skipped to its end and told of once.
 * A byte is copied at most a few times however small the pieces are, and what is kept is what waits for its end:
 * never the pieces themselves, each of which would hold its own memory.
 */

/** What becomes of the lines. */
export interface LineFramerOptions {
  /** Longest line, bytes, without its end. */
  readonly lineBytesMax: number;
  /** One line without its end. Empty ones are passed over. */
  readonly line: (text: string) => void;
  /** A line has become longer than it may be, and is skipped. */
  readonly oversized: () => void;
}

/** Splits one stream of bytes. */
export interface LineFramer {
  /** Takes the next bytes; calls `line` for each line that they end. */
  push(chunk: Uint8Array): void;
  /** The bytes have ended: what came after the last line end is a line too. */
  end(): void;
  /** No line is told any more, also of the chunk that is being split right now. */
  stop(): void;
}

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const CAPACITY_MIN = 4 * 1024;
/** A buffer that grew past this is given back when its line is done: one long message is no reason to keep it. */
const CAPACITY_KEPT = 64 * 1024;

/** Makes a splitter for one stream of bytes. */
export function createLineFramer(options: LineFramerOptions): LineFramer {
  const pending = createPendingBytes(options.lineBytesMax);
  let skipping = false;
  let stopped = false;

  const tell = (bytes: Buffer): void => {
    const end = bytes.at(-1) === CARRIAGE_RETURN ? bytes.length - 1 : bytes.length;
    if (end > options.lineBytesMax) options.oversized();
    else if (end > 0) options.line(bytes.toString("utf8", 0, end));
  };
  const endLine = (bytes: Buffer): void => {
    if (skipping) {
      skipping = false;
      return;
    }
    if (pending.length === 0) return tell(bytes);
    if (pending.append(bytes)) return tell(pending.take());
    pending.clear();
    options.oversized();
  };
  const keep = (bytes: Buffer): void => {
    if (skipping || bytes.length === 0 || pending.append(bytes)) return;
    pending.clear();
    skipping = true;
    options.oversized();
  };

  return {
    push(chunk: Uint8Array): void {
      const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
      let start = 0;
      for (let end = bytes.indexOf(LINE_FEED); end >= 0 && !stopped; end = bytes.indexOf(LINE_FEED, start)) {
        endLine(bytes.subarray(start, end));
        start = end + 1;
      }
      if (!stopped) keep(bytes.subarray(start));
    },
    end(): void {
      if (!stopped && !skipping && pending.length > 0) tell(pending.take());
      stopped = true;
      pending.clear();
    },
    stop(): void {
      stopped = true;
      pending.clear();
    },
  };
}

/** The beginning of a line whose end has not come yet. */
interface PendingBytes {
  readonly length: number;
  /** False, and nothing taken, where the line would be longer than it may be. */
  append(bytes: Buffer): boolean;
  /** The bytes so far, valid until the next `append`; begins a new line. */
  take(): Buffer;
  clear(): void;
}

function createPendingBytes(lengthMax: number): PendingBytes {
  let buffer = Buffer.alloc(0);
  let length = 0;
  return {
    get length(): number {
      return length;
    },
    append(bytes: Buffer): boolean {
      const needed = length + bytes.length;
      // One more than a line may have: the carriage return of its end.
      if (needed > lengthMax + 1) return false;
      if (needed > buffer.length) {
        const grown = Buffer.allocUnsafeSlow(
          Math.max(CAPACITY_MIN, needed, Math.min(buffer.length * 2, lengthMax + 1)),
        );
        buffer.copy(grown, 0, 0, length);
        buffer = grown;
      }
      bytes.copy(buffer, length);
      length = needed;
      return true;
    },
    take(): Buffer {
      const taken = buffer.subarray(0, length);
      length = 0;
      if (buffer.length > CAPACITY_KEPT) buffer = Buffer.alloc(0);
      return taken;
    },
    clear(): void {
      length = 0;
      buffer = Buffer.alloc(0);
    },
  };
}
