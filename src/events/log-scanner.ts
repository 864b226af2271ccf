/**
 * The log scanner: bytes of a rollout in, records out, block by block. It parses only the lines some
 * reader needs, told by their first bytes, and sums the others up as skipped runs. It is pure: who reads
 * the file feeds it, and it keeps no block after `push` returned, only the line that was cut by its end.
 *
 * Invariants
 *   L1  Every complete, non-blank line has one ordinal, whatever is in it; each is told exactly once, in
 *       order, as a record or inside a run, wherever the blocks were cut.
 *   L2  Lines of an append that isn't complete yet are held back. They are told when the rest of it
 *       comes, or when a line comes that isn't of it (another writer went on behind it); at the end they
 *       don't belong to the log.
 *   L3  Bytes behind the last newline are no record.
 */
import { LIMITS } from "../base/index.ts";
import type { FoldNeeds, SkippedRun } from "./fold.ts";
import { decodeLineBytes, isBlankLine, unreadableRecord } from "./line-codec.ts";
import { type LineHead, peekLine, peekMore } from "./line-peek.ts";
import type { RolloutRecord } from "./rollout-item.ts";

/** Where a line stands in its file, bytes; `end` is behind its newline. */
export interface LineSpan {
  readonly start: number;
  readonly end: number;
}

/** Who is told what was found. Neither may keep the scanner waiting: there is nothing asynchronous here. */
export interface ScanSink {
  record(record: RolloutRecord, span: LineSpan): void;
  /** Absent: skipped lines only count. */
  skipped?(run: SkippedRun): void;
  /** The bytes of a line that is about to be told as a record, without its newline; valid during the call alone. */
  line?(bytes: Uint8Array, ordinal: number): void;
}

export interface LogScannerOptions {
  readonly sink: ScanSink;
  /** What the readers need. Absent: every line is parsed. */
  readonly needs?: readonly FoldNeeds[];
  /** Ordinal of the first line. Default 0. */
  readonly startOrdinal?: number;
  /** Byte offset of the first line in its file. Default 0. */
  readonly startOffset?: number;
  /** Lines before this ordinal are counted and told to nobody. Default 0. */
  readonly fromOrdinal?: number;
  /** Longest line that is read, bytes with its newline; longer ones are unreadable. Default LIMITS.lineBytesMax. */
  readonly lineBytesMax?: number;
}

/** What stands at the end. */
export interface ScanEnd {
  /** The ordinal the next record gets. */
  readonly nextOrdinal: number;
  /** Where the log ends, bytes: behind the last line that belongs to it. */
  readonly endOffset: number;
  /** Bytes behind it that belong to no record: an unterminated line, an append that isn't complete. */
  readonly tornBytes: number;
  /** Lines among them that are complete, of an append that isn't. */
  readonly heldLines: number;
}

export interface LogScanner {
  /** Takes the next bytes. The block may be reused afterwards. */
  push(block: Uint8Array): void;
  /** What stands there when no more bytes come. The scanner can go on afterwards. */
  end(): ScanEnd;
}

const NEWLINE = 0x0a;

/** Makes a scanner over the needs of all its readers. */
export function createLogScanner(options: LogScannerOptions): LogScanner {
  return new BlockScanner(options);
}

type Told = { readonly record: RolloutRecord; readonly span: LineSpan } | { readonly run: SkippedRun };

/** One scan. A class because it has a life: it is fed, block after block. */
class BlockScanner implements LogScanner {
  readonly #sink: ScanSink;
  readonly #isNeeded: (head: LineHead) => boolean;
  readonly #needsTimes: boolean;
  readonly #fromOrdinal: number;
  readonly #lineBytesMax: number;
  readonly #run = new RunBuilder();
  /** Pieces of the line that the last block ended in. */
  #carry: Uint8Array[] = [];
  #carryBytes = 0;
  #ordinal: number;
  /** Offset of the first byte of `#carry`, or of the next block. */
  #offset: number;
  #held: Told[] = [];
  /** Lines the open append still waits for; 0 when none is open. */
  #due = 0;
  #batchOrdinal = 0;
  #batchOffset = 0;

  constructor(options: LogScannerOptions) {
    this.#sink = options.sink;
    this.#ordinal = options.startOrdinal ?? 0;
    this.#offset = options.startOffset ?? 0;
    this.#fromOrdinal = options.fromOrdinal ?? 0;
    this.#lineBytesMax = options.lineBytesMax ?? LIMITS.lineBytesMax;
    const { needs } = options;
    this.#isNeeded = needs === undefined ? () => true : needOf(needs);
    this.#needsTimes = needs?.some((need) => need.times === true) ?? false;
  }

  push(block: Uint8Array): void {
    let at = 0;
    if (this.#carryBytes > 0) {
      const newline = block.indexOf(NEWLINE);
      if (newline < 0) {
        this.#keep(block);
        return;
      }
      this.#keep(block.subarray(0, newline + 1));
      this.#takeCarried();
      at = newline + 1;
    }
    this.#run.enter(block);
    const base = this.#offset - at;
    for (;;) {
      const newline = block.indexOf(NEWLINE, at);
      if (newline < 0) break;
      this.#takeLine(block, { start: at, end: newline }, base);
      at = newline + 1;
    }
    this.#flushRun();
    this.#offset = base + at;
    if (at < block.length) this.#keep(block.subarray(at));
  }

  end(): ScanEnd {
    const isOpen = this.#due > 0;
    const logEnd = isOpen ? this.#batchOffset : this.#offset;
    const nextOrdinal = isOpen ? this.#batchOrdinal : this.#ordinal;
    return {
      nextOrdinal,
      endOffset: logEnd,
      tornBytes: this.#offset + this.#carryBytes - logEnd,
      heldLines: this.#ordinal - nextOrdinal,
    };
  }

  #keep(bytes: Uint8Array): void {
    this.#carryBytes += bytes.length;
    // Of a line that is too long only its length is kept. A copy is made by hand: the caller reads the next
    // block into the same memory, and `slice` of node's Buffer is a view, not a copy.
    if (this.#carryBytes <= this.#lineBytesMax) this.#carry.push(new Uint8Array(bytes));
    else this.#carry = [];
  }

  #takeCarried(): void {
    const bytes = this.#carryBytes;
    const pieces = this.#carry;
    this.#carry = [];
    this.#carryBytes = 0;
    if (bytes > this.#lineBytesMax) {
      this.#takeTooLong(this.#offset, this.#offset + bytes);
    } else {
      const line = new Uint8Array(bytes);
      let at = 0;
      for (const piece of pieces) {
        line.set(piece, at);
        at += piece.length;
      }
      this.#run.enter(line);
      this.#takeLine(line, { start: 0, end: bytes - 1 }, this.#offset);
      this.#flushRun();
    }
    this.#offset += bytes;
  }

  /** A line of which only its place in the file is known. It is of no batch. */
  #takeTooLong(start: number, end: number): void {
    this.#batch(0, start);
    if (this.#ordinal >= this.#fromOrdinal) {
      this.#flushRun();
      const reason = `longer than ${this.#lineBytesMax} bytes`;
      this.#tellRecord(unreadableRecord(this.#ordinal, reason), { start, end });
    }
    this.#ordinal += 1;
    this.#endOfBatch(0);
  }

  /** Takes the line in `bytes[start, end)`; `base` is the file offset of `bytes[0]`. */
  #takeLine(bytes: Uint8Array, line: LineSpan, base: number): void {
    const { start, end } = line;
    if (end - start >= this.#lineBytesMax) {
      this.#takeTooLong(base + start, base + end + 1);
      return;
    }
    if ((bytes[start] ?? 0) <= 0x20 && isBlankLine(bytes.subarray(start, end))) return;
    const more = peekMore(bytes, start, end);
    if (more > 0 || this.#due > 0) this.#batch(more, base + start);
    if (this.#ordinal >= this.#fromOrdinal) this.#tellLine(bytes, line, base);
    this.#ordinal += 1;
    if (this.#due > 0) this.#endOfBatch(more);
  }

  #tellLine(bytes: Uint8Array, line: LineSpan, base: number): void {
    const { start, end } = line;
    const head = peekLine(bytes, start, end);
    if (head !== null && !this.#isNeeded(head)) {
      this.#run.add(head, this.#ordinal, line);
      return;
    }
    const text = bytes.subarray(start, end);
    this.#sink.line?.(text, this.#ordinal);
    const record = decodeLineBytes(text, this.#ordinal);
    // What a readable record says of the time goes before what was skipped.
    this.#flushRun(record.timestamp !== null);
    this.#tellRecord(record, { start: base + start, end: base + end + 1 });
  }

  /** A line of an append, or one behind it: opens a batch, goes on with it, or shows that it was given up. */
  #batch(more: number, offset: number): void {
    if (this.#due > 0) {
      if (more === this.#due - 1) return;
      this.#flushRun();
      this.#release();
    }
    if (more === 0) return;
    this.#flushRun();
    this.#due = more + 1;
    this.#batchOrdinal = this.#ordinal;
    this.#batchOffset = offset;
  }

  #endOfBatch(more: number): void {
    if (more > 0) {
      this.#due = more;
      return;
    }
    // Still due: what was skipped last belongs behind what is held.
    this.#flushRun();
    this.#release();
  }

  #release(): void {
    this.#due = 0;
    const held = this.#held;
    this.#held = [];
    for (const told of held) this.#tell(told);
  }

  #flushRun(isTimeKnown = false): void {
    const run = this.#run.take(this.#needsTimes && !isTimeKnown);
    if (run !== null && this.#sink.skipped !== undefined) this.#tell({ run });
  }

  #tellRecord(record: RolloutRecord, span: LineSpan): void {
    this.#tell({ record, span });
  }

  #tell(told: Told): void {
    if (this.#due > 0) this.#held.push(told);
    else if ("run" in told) this.#sink.skipped?.(told.run);
    else this.#sink.record(told.record, told.span);
  }
}

/** Sums up neighbouring lines that are skipped. Its lines lie in one array, `enter`ed before them. */
class RunBuilder {
  #bytes: Uint8Array = new Uint8Array();
  #from = -1;
  #to = 0;
  #counted = 0;
  #breaksInput = false;
  #inputFrom: number | null = null;
  #firstByte = 0;
  #endByte = 0;

  enter(bytes: Uint8Array): void {
    this.#bytes = bytes;
  }

  add(head: LineHead, ordinal: number, { start, end }: LineSpan): void {
    if (this.#from < 0) {
      this.#from = ordinal;
      this.#firstByte = start;
    }
    this.#to = ordinal + 1;
    this.#endByte = end;
    if (head.isCounted) this.#counted += 1;
    if (head.inputRole === "input") this.#inputFrom ??= ordinal;
    else if (head.inputRole === "break") {
      this.#breaksInput = true;
      this.#inputFrom = null;
    }
  }

  /** The run so far, or null when there is none. `withTime` looks for the newest time among its lines. */
  take(withTime: boolean): SkippedRun | null {
    if (this.#from < 0) return null;
    const run = {
      from: this.#from,
      to: this.#to,
      counted: this.#counted,
      breaksInput: this.#breaksInput,
      inputFrom: this.#inputFrom,
      timestamp: withTime ? this.#newestTime() : null,
    };
    this.#from = -1;
    this.#counted = 0;
    this.#breaksInput = false;
    this.#inputFrom = null;
    return run;
  }

  /** Time of the last line of the run that parses: most often the last one. */
  #newestTime(): string | null {
    let end = this.#endByte;
    while (end > this.#firstByte) {
      const start = Math.max(this.#firstByte, this.#bytes.lastIndexOf(NEWLINE, end - 1) + 1);
      const { timestamp } = decodeLineBytes(this.#bytes.subarray(start, end), 0);
      if (timestamp !== null) return timestamp;
      end = start - 1;
    }
    return null;
  }
}

/** Whether any of the readers needs the lines with this head; asked once a head. */
function needOf(needs: readonly FoldNeeds[]): (head: LineHead) => boolean {
  const known = new Map<LineHead, boolean>();
  return (head) => {
    let isNeeded = known.get(head);
    if (isNeeded === undefined) {
      isNeeded = needs.some((need) => needsHead(need, head));
      known.set(head, isNeeded);
    }
    return isNeeded;
  };
}

function needsHead(need: FoldNeeds, head: LineHead): boolean {
  if (need.types.has(head.type)) return true;
  if (head.type === "event_msg") return head.kind !== null && need.eventKinds.has(head.kind);
  return head.maybeHookPrompt && need.hookPrompts === true;
}
