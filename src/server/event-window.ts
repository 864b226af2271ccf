/**
 * What is under way to one subscription, and to all of one client: records that were sent, or are about to be, and
 * not acknowledged. It only counts; who reads the log stops while it is full. A window with nothing in it always has
 * room for a record, so every subscription gets on, however much the client's others hold up. It remembers of each
 * record which one it was, so that what is acknowledged can be told from what the log has there by then.
 */
import type { RecordPlace } from "./checkpoint-store.ts";
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

interface TakenRecord {
  readonly bytes: number;
  readonly place: RecordPlace;
}

/** Where a window begins. */
export interface WindowBegin {
  readonly from: number;
  /** The record before; null where there is none. */
  readonly before: RecordPlace | null;
}

/** The first ordinals of what was not acknowledged, not sent, and not read. */
export class EventWindow {
  readonly #recordsMax: number;
  readonly #client: ClientBytes;
  /** The records from `ackedEnd` on. */
  #taken: TakenRecord[] = [];
  /** The record before `ackedEnd`. */
  #before: RecordPlace | null;
  #bytes = 0;
  #ackedEnd: number;
  #sentEnd: number;

  constructor({ from, before }: WindowBegin, recordsMax: number, client: ClientBytes) {
    this.#before = before;
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
    return this.#ackedEnd + this.#taken.length;
  }

  get isEmpty(): boolean {
    return this.#taken.length === 0;
  }

  /** Whether a record may be taken; it may go past the bytes. */
  get hasRoom(): boolean {
    return this.isEmpty || (this.#taken.length < this.#recordsMax && this.#client.hasRoom(this.#bytes));
  }

  /** The next record is about to be sent. */
  take({ bytes, place }: TakenRecord): void {
    this.#taken.push({ bytes, place });
    this.#change(bytes);
  }

  /** All that was taken is sent. */
  sent(): void {
    this.#sentEnd = this.takenEnd;
  }

  /**
   * Everything below is done; it was sent. What was acknowledged before is nothing new. Answers the record before;
   * null where that is not known any more.
   */
  acknowledge(nextOrdinal: number): RecordPlace | null {
    const count = nextOrdinal - this.#ackedEnd;
    if (count < 0) return null;
    for (const { bytes, place } of this.#taken.splice(0, count)) {
      this.#change(-bytes);
      this.#before = place;
    }
    this.#ackedEnd = nextOrdinal;
    return this.#before;
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
