/**
 * What is under way to one subscription: records that were sent, or are about to be, and not acknowledged. It only
 * counts; who reads the log stops while it is full.
 */

/** The first ordinals of what was not acknowledged, not sent, and not read. */
export class EventWindow {
  readonly #recordsMax: number;
  /** Bytes of the records from `ackedEnd` on. */
  #sizes: number[] = [];
  #bytes = 0;
  #ackedEnd: number;
  #sentEnd: number;

  constructor(from: number, recordsMax: number) {
    this.#ackedEnd = from;
    this.#sentEnd = from;
    this.#recordsMax = recordsMax;
  }

  /** The first record that was not acknowledged. */
  get ackedEnd(): number {
    return this.#ackedEnd;
  }

  /** The first record that was not sent. */
  get sentEnd(): number {
    return this.#sentEnd;
  }

  /** The record that comes next. */
  get takenEnd(): number {
    return this.#ackedEnd + this.#sizes.length;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get isEmpty(): boolean {
    return this.#sizes.length === 0;
  }

  /** Whether a record may be taken; one may go past the bytes, and one always may where there is none. */
  hasRoom(bytesMax: number): boolean {
    return this.#sizes.length < this.#recordsMax && (this.isEmpty || this.#bytes < bytesMax);
  }

  /** The next record is about to be sent. */
  take(bytes: number): void {
    this.#sizes.push(bytes);
    this.#bytes += bytes;
  }

  /** All that was taken is sent. */
  sent(): void {
    this.#sentEnd = this.takenEnd;
  }

  /** Everything below is done; it was sent. What was acknowledged before is nothing new. */
  acknowledge(nextOrdinal: number): void {
    const count = nextOrdinal - this.#ackedEnd;
    if (count <= 0) return;
    for (const bytes of this.#sizes.splice(0, count)) this.#bytes -= bytes;
    this.#ackedEnd = nextOrdinal;
  }
}
