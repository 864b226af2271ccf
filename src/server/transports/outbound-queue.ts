/**
 * What waits to be written for one reader. Messages of one turn of the event loop go out in one write, and no more
 * is handed to the medium than it takes: the rest waits here, where it is counted. A reader that lets too much
 * wait, or takes nothing for too long while much waits, is given up on with a reason; the writer's memory never
 * pays for it.
 *
 * 1. Messages leave in the order in which they came, and none leaves after `stop` or after giving up.
 * 2. What waits is at most `queueBytesMax` and one message; a first message of any size is taken.
 * 3. `gaveUp` is told once, never from inside `send`.
 */
import type { Clock, Timer } from "../../base/index.ts";

/** Where the messages go. */
export interface OutboundMedium {
  /** Writes these messages as one. False when it takes no more until `drained` is told to the queue. */
  write(messages: readonly string[]): boolean;
}

/** Bounds of one queue; see TransportLimits. */
export interface OutboundBounds {
  readonly queueBytesMax: number;
  readonly stallBytesMax: number;
  readonly stallMs: number;
  readonly writeBytesMax: number;
}

/** What a queue is made of. */
export interface OutboundQueueOptions {
  readonly medium: OutboundMedium;
  readonly bounds: OutboundBounds;
  readonly clock: Clock;
  /** The reader was too slow; nothing more is written. The reason is for people. */
  readonly gaveUp: (reason: string) => void;
}

/** Messages on their way to one reader. */
export interface OutboundQueue {
  /** UTF-8 bytes that the medium has not taken yet. */
  readonly waitingBytes: number;
  /** Queues one message. False, and nothing queued, after `finish`, `stop` or giving up. */
  send(text: string): boolean;
  /** The medium takes messages again. */
  drained(): void;
  /** Takes no more messages, writes what waits, then calls `written`; not at all when it gives up or is stopped before. */
  finish(written: () => void): void;
  /** Forgets what waits, and writes nothing more. */
  stop(): void;
}

/** A medium that is slower than this is standing still: the time that one long write may take is measured by it. */
const BYTES_PER_MS_MIN = 16;

/** Makes the queue of one reader. */
export function createOutboundQueue(options: OutboundQueueOptions): OutboundQueue {
  return new TickQueue(options);
}

class TickQueue implements OutboundQueue {
  readonly #options: OutboundQueueOptions;
  #messages: string[] = [];
  #sizes: number[] = [];
  /** Index of the first message that waits; those before it are written, and are cut off all at once. */
  #head = 0;
  #queuedBytes = 0;
  #inFlightBytes = 0;
  #isBlocked = false;
  #isScheduled = false;
  #takesMore = true;
  #isOver = false;
  #written: (() => void) | undefined;
  #progressAtMs = 0;
  #stallTimer: Timer | undefined;

  constructor(options: OutboundQueueOptions) {
    this.#options = options;
  }

  get waitingBytes(): number {
    return this.#queuedBytes + this.#inFlightBytes;
  }

  send(text: string): boolean {
    if (!this.#takesMore) return false;
    const { queueBytesMax } = this.#options.bounds;
    if (this.waitingBytes > queueBytesMax) {
      this.#giveUp(`too slow: ${this.waitingBytes} bytes wait for it, ${queueBytesMax} may`);
      return false;
    }
    const bytes = Buffer.byteLength(text);
    this.#messages.push(text);
    this.#sizes.push(bytes);
    this.#queuedBytes += bytes;
    this.#schedule();
    this.#watchForStall();
    return true;
  }

  drained(): void {
    if (this.#isOver) return;
    this.#isBlocked = false;
    this.#inFlightBytes = 0;
    this.#progressAtMs = this.#options.clock.monotonicMs();
    this.#flush();
  }

  finish(written: () => void): void {
    if (!this.#takesMore) return;
    this.#takesMore = false;
    this.#written = written;
    this.#schedule();
  }

  stop(): void {
    this.#takesMore = false;
    this.#isOver = true;
    this.#written = undefined;
    this.#messages = [];
    this.#sizes = [];
    this.#head = 0;
    this.#queuedBytes = 0;
    this.#stallTimer?.cancel();
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isBlocked) return;
    this.#isScheduled = true;
    // Behind all that this turn of the loop still does: what other callbacks and promises send goes out with it.
    setImmediate(() => {
      this.#isScheduled = false;
      this.#flush();
    });
  }

  #flush(): void {
    while (!this.#isOver && !this.#isBlocked && this.#head < this.#messages.length) {
      const messages = this.#takePortion();
      if (this.#options.medium.write(messages)) this.#inFlightBytes = 0;
      else this.#isBlocked = true;
    }
    if (this.#isOver) return;
    if (this.#isBlocked) return this.#watchForStall();
    const written = this.#written;
    this.#written = undefined;
    written?.();
  }

  /** The next messages for one write: all that waits or as many as fit, one at least. */
  #takePortion(): readonly string[] {
    const portion: string[] = [];
    let bytes = 0;
    while (this.#head < this.#messages.length) {
      const next = this.#sizes[this.#head] ?? 0;
      if (portion.length > 0 && bytes + next > this.#options.bounds.writeBytesMax) break;
      portion.push(this.#messages[this.#head] ?? "");
      this.#messages[this.#head] = "";
      bytes += next;
      this.#head += 1;
    }
    this.#queuedBytes -= bytes;
    this.#inFlightBytes = bytes;
    this.#progressAtMs = this.#options.clock.monotonicMs();
    if (this.#head * 2 >= this.#messages.length) {
      this.#messages = this.#messages.slice(this.#head);
      this.#sizes = this.#sizes.slice(this.#head);
      this.#head = 0;
    }
    return portion;
  }

  /** While much waits, one timer looks when its time would be over, and again where something was taken meanwhile. */
  #watchForStall(): void {
    const { clock, bounds } = this.#options;
    if (this.#stallTimer !== undefined || !this.#isBlocked || this.waitingBytes <= bounds.stallBytesMax) return;
    const patienceMs = bounds.stallMs + this.#inFlightBytes / BYTES_PER_MS_MIN;
    const stillMs = clock.monotonicMs() - this.#progressAtMs;
    this.#stallTimer = clock.setTimer(Math.max(1, Math.ceil(patienceMs - stillMs)), () => {
      this.#stallTimer = undefined;
      this.#judgeStall();
    });
  }

  #judgeStall(): void {
    const { clock, bounds } = this.#options;
    const stillMs = Math.round(clock.monotonicMs() - this.#progressAtMs);
    const isStill = this.#isBlocked && stillMs >= bounds.stallMs + this.#inFlightBytes / BYTES_PER_MS_MIN;
    if (!isStill || this.waitingBytes <= bounds.stallBytesMax) return this.#watchForStall();
    this.#giveUp(`too slow: it took nothing for ${stillMs} ms while ${this.waitingBytes} bytes wait for it`);
  }

  #giveUp(reason: string): void {
    this.stop();
    // The sender is in the middle of something, and is told by `send` that this message goes nowhere.
    setImmediate(() => this.#options.gaveUp(reason));
  }
}
