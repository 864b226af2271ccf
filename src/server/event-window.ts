/**
 * What is under way to one subscription, and to all of one client: records that were sent, or are about to be, and
 * not acknowledged. It only counts; who reads the log stops while it is full. A window with nothing in it always has
 * room for a record, so every subscription gets on, however much the client's others hold up.
 */
import { EVENT_FEED_LIMITS } from "./event-feed-limits.ts";

/** Bytes under way to one client. */
export class ClientBytes {
  /** Windows there are. */
  #windows = 0;
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  /** Whether a window that holds so many bytes may take more. */
  hasRoom(windowBytes: number): boolean {
    const { windowBytesMax, clientBytesMax } = EVENT_FEED_LIMITS;
    const share = Math.min(windowBytesMax, clientBytesMax / this.#windows);
    return windowBytes < share && this.#bytes < clientBytesMax;
  }

  opened(): void {
    this.#windows += 1;
  }

  closed(): void {
    this.#windows -= 1;
  }

  change(bytes: number): void {
    this.#bytes += bytes;
  }
}

/** The first ordinals of what was not acknowledged, not sent, and not read. */
export class EventWindow {
  readonly #recordsMax: number;
  readonly #client: ClientBytes;
  /** Bytes of the records from `ackedEnd` on. */
  #sizes: number[] = [];
  #bytes = 0;
  #ackedEnd: number;
  #sentEnd: number;

  constructor(from: number, recordsMax: number, client: ClientBytes) {
    this.#ackedEnd = from;
    this.#sentEnd = from;
    this.#recordsMax = recordsMax;
    this.#client = client;
    client.opened();
  }

  /** The first record that was not sent. */
  get sentEnd(): number {
    return this.#sentEnd;
  }

  /** The record that comes next. */
  get takenEnd(): number {
    return this.#ackedEnd + this.#sizes.length;
  }

  get isEmpty(): boolean {
    return this.#sizes.length === 0;
  }

  /** Whether a record may be taken; it may go past the bytes. */
  get hasRoom(): boolean {
    return this.isEmpty || (this.#sizes.length < this.#recordsMax && this.#client.hasRoom(this.#bytes));
  }

  /** The next record is about to be sent. */
  take(bytes: number): void {
    this.#sizes.push(bytes);
    this.#change(bytes);
  }

  /** All that was taken is sent. */
  sent(): void {
    this.#sentEnd = this.takenEnd;
  }

  /** Everything below is done; it was sent. What was acknowledged before is nothing new. */
  acknowledge(nextOrdinal: number): void {
    const count = nextOrdinal - this.#ackedEnd;
    if (count <= 0) return;
    for (const bytes of this.#sizes.splice(0, count)) this.#change(-bytes);
    this.#ackedEnd = nextOrdinal;
  }

  /** Nothing more is taken, and nobody will acknowledge what is under way. */
  close(): void {
    this.#change(-this.#bytes);
    this.#client.closed();
  }

  #change(bytes: number): void {
    this.#bytes += bytes;
    this.#client.change(bytes);
  }
}
