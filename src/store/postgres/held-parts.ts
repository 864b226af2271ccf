/**
 * Parts of puts whose threads' rows somebody else holds: a deletion on its way, an operator's transaction, a put of
 * before whose connection was lost and that waits for a standby. They wait here for their rows, out of the way of the
 * other threads, for a bounded time; each keeps the id it was put with, as what was tried before may land.
 */
import { type Clock, fault, type SkeinError } from "../../base/index.ts";

/** What waits. */
export interface HeldPart {
  /** The id of the put it is of. */
  readonly appendId: string;
  readonly put: { readonly threadId: string };
}

/** Longest wait for a row, milliseconds. */
const HELD_MS_MAX = 15_000;
/** Between two looks whether rows are free, milliseconds: each costs a statement. */
const LOOK_MS = 250;

export class HeldParts<Part extends HeldPart> {
  readonly #timers: Clock;
  /** With when each is given up. */
  readonly #parts = new Map<Part, number>();
  #lookedMs = 0;

  constructor(timers: Clock) {
    this.#timers = timers;
  }

  get size(): number {
    return this.#parts.size;
  }

  /** Until the next look, milliseconds; 0 when it is due. */
  get restMs(): number {
    return Math.max(0, this.#lookedMs + LOOK_MS - this.#timers.monotonicMs());
  }

  /** Keeps parts; one that waits already goes on waiting. */
  hold(parts: readonly Part[]): void {
    const nowMs = this.#timers.monotonicMs();
    if (this.#parts.size === 0) this.#lookedMs = nowMs;
    for (const part of parts) if (!this.#parts.has(part)) this.#parts.set(part, nowMs + HELD_MS_MAX);
  }

  /** Its fate is known. */
  drop(part: Part): void {
    this.#parts.delete(part);
  }

  /** All of them. */
  all(): readonly Part[] {
    return [...this.#parts.keys()];
  }

  /** A look is over; gives those that have waited long enough. */
  noteLook(): readonly Part[] {
    this.#lookedMs = this.#timers.monotonicMs();
    return [...this.#parts].filter(([, untilMs]) => untilMs <= this.#lookedMs).map(([part]) => part);
  }
}

/** The parts that are put with one id, each such group. */
export function groupsOf<Part extends HeldPart>(parts: readonly Part[]): readonly (readonly Part[])[] {
  const groups = new Map<string, Part[]>();
  for (const part of parts) {
    const group = groups.get(part.appendId) ?? [];
    group.push(part);
    groups.set(part.appendId, group);
  }
  return [...groups.values()];
}

/** A part waited in vain. */
export function heldTooLong({ put: { threadId } }: HeldPart): SkeinError {
  return fault(
    "timed_out",
    `the row of thread ${threadId} was held by another transaction for ${HELD_MS_MAX / 1000} s: append again, and if it goes on look in pg_locks for who holds it`,
    { retryable: true, data: { threadId } },
  );
}
