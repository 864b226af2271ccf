/**
 * Records on their way into one notification. Each is turned into text once: its length decides when the
 * notification is full, and the text goes out as it is.
 */
import { type RolloutRecord, toTypedPayload } from "../events/index.ts";
import type { RecordPlace } from "./checkpoint-store.ts";
import { EVENT_FEED_LIMITS } from "./event-feed-limits.ts";

/** A record as text. */
export interface EncodedRecord {
  readonly ordinal: number;
  readonly text: string;
  readonly bytes: number;
  readonly place: RecordPlace;
}

/** A record as the wire shows it. */
export function encodeRecord(record: RolloutRecord): EncodedRecord {
  const { ordinal, item } = record;
  const place = recordPlaceOf(record);
  const text = JSON.stringify({ ordinal, timestamp: place.timestamp, ...toTypedPayload(item) });
  return { ordinal, text, bytes: Buffer.byteLength(text), place };
}

/** What the wire says of a record. */
export function recordPlaceOf({ timestamp, item }: RolloutRecord): RecordPlace {
  return { timestamp: timestamp ?? "", type: toTypedPayload(item).type };
}

export class EventBatch {
  readonly #head: string;
  #texts: string[] = [];
  #bytes = 0;

  constructor(ids: { readonly subscriptionId: string; readonly threadId: string }) {
    const { subscriptionId, threadId } = ids;
    const params = JSON.stringify({ subscriptionId, threadId });
    this.#head = `{"method":"thread/events/records","params":${params.slice(0, -1)},"records":[`;
  }

  get size(): number {
    return this.#texts.length;
  }

  /** Whether one more record of this size would make the notification too large. */
  isFullFor(bytes: number): boolean {
    if (this.size === 0) return false;
    const { batchRecordsMax, batchBytesMax } = EVENT_FEED_LIMITS;
    return this.size >= batchRecordsMax || this.#bytes + bytes > batchBytesMax;
  }

  add({ text, bytes }: EncodedRecord): void {
    this.#texts.push(text);
    this.#bytes += bytes;
  }

  /** The notification; the batch is empty again. */
  take(): string {
    const text = `${this.#head}${this.#texts.join(",")}]}}`;
    this.#texts = [];
    this.#bytes = 0;
    return text;
  }
}
