/**
 * Identifiers. Thread and turn ids are UUID version 7 (RFC 9562 §5.7): 48 bits of wall-clock
 * milliseconds, then randomness, so that ids sort by time of making. Within one source ids are
 * strictly increasing, even inside one millisecond and when the wall clock steps back.
 *
 * Ids come through the IdSource port, so that a simulated run can be repeated exactly.
 */
import { randomBytes } from "node:crypto";

import { type Clock, systemClock } from "./clock.ts";

/** Makes identifiers. */
export interface IdSource {
  /** A UUIDv7, strictly greater (as text) than every one this source made before. */
  next(): string;
}

/** Fills a buffer with randomness; `node:crypto` in production, a seeded source in simulations. */
export type FillRandom = (byteCount: number) => Uint8Array;

/** The machine's own randomness. */
export const systemRandom: FillRandom = randomBytes;

const SEQUENCE_MAX = 0xfff;

/** Makes an IdSource over a clock and a source of randomness. */
export function createIdSource(clock: Clock = systemClock, fillRandom: FillRandom = systemRandom): IdSource {
  let lastMs = 0;
  let sequence = 0;
  return {
    next(): string {
      const random = fillRandom(10);
      const nowMs = clock.nowMs();
      if (nowMs > lastMs) {
        lastMs = nowMs;
        // Half of the 12-bit space is left to count up in, so a burst does not borrow time at once.
        sequence = (((random[8] ?? 0) << 8) | (random[9] ?? 0)) & 0x7ff;
      } else {
        sequence += 1;
        if (sequence > SEQUENCE_MAX) {
          lastMs += 1;
          sequence = 0;
        }
      }
      return formatUuidV7(lastMs, sequence, random);
    },
  };
}

function formatUuidV7(unixMs: number, sequence: number, random: Uint8Array): string {
  const time = unixMs.toString(16).padStart(12, "0");
  const variant = ((random[0] ?? 0) & 0x3f) | 0x80;
  let tail = variant.toString(16);
  for (let i = 1; i < 8; i += 1) tail += (random[i] ?? 0).toString(16).padStart(2, "0");
  const middle = `7${sequence.toString(16).padStart(3, "0")}`;
  // Joined, not concatenated: ids are kept for long, and a concatenation keeps all its pieces.
  return [time.slice(0, 8), time.slice(8), middle, tail.slice(0, 4), tail.slice(4)].join("-");
}

const UUID_HYPHENATED = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_SIMPLE = /^[0-9a-f]{32}$/;

/**
 * The canonical form (lower case, hyphenated) of a thread id, or undefined when the text is none.
 * Accepts what Codex 0.130 accepts: any UUID version, upper case, `urn:uuid:`, braces, no hyphens.
 */
export function canonicalThreadId(text: string): string | undefined {
  let bare = text.toLowerCase();
  if (bare.startsWith("urn:uuid:")) bare = bare.slice(9);
  else if (bare.startsWith("{") && bare.endsWith("}")) bare = bare.slice(1, -1);
  if (UUID_HYPHENATED.test(bare)) return bare;
  if (!UUID_SIMPLE.test(bare)) return undefined;
  const parts = [bare.slice(0, 8), bare.slice(8, 12), bare.slice(12, 16), bare.slice(16, 20)];
  return `${parts.join("-")}-${bare.slice(20)}`;
}
