/**
 * How many clients a listener has, how many it may have, and what the next one is called in log lines. A place is
 * taken before a client is let in, so that none is ever handed on past the bound.
 */

/** The places of one listener. */
export interface ConnectionSlots {
  readonly taken: number;
  /** Takes a place and names who is in it ("unix#3"); undefined when there is none left. */
  take(): string | undefined;
  /** Gives one place back. */
  free(): void;
}

/** Makes the places of one listener. */
export function createConnectionSlots(prefix: string, slotsMax: number): ConnectionSlots {
  let taken = 0;
  let named = 0;
  return {
    get taken(): number {
      return taken;
    },
    take(): string | undefined {
      if (taken >= slotsMax) return undefined;
      taken += 1;
      named += 1;
      return `${prefix}#${named}`;
    },
    free(): void {
      taken -= 1;
    },
  };
}
