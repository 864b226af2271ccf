/**
 * The books of one fault: how often it was injected, what had been acknowledged by then, which codes callers were
 * given, what `verify` and `doctor` called it, and every promise that was found broken.
 */

/** What became of one fault, as plain data. */
export interface FaultResult {
  readonly id: string;
  /** Times that it was injected, each on a home of its own or at another place. */
  readonly injected: number;
  /** Records that had been acknowledged, over all injections, and were looked for. */
  readonly acknowledged: number;
  /** Those that were gone, or not as they were. */
  readonly lost: number;
  /** Threads and files that the fault was not about, and that it changed. */
  readonly harmed: number;
  /** Codes that callers were given, with how often; `acknowledged`: nothing failed for them. */
  readonly codes: Readonly<Record<string, number>>;
  /** What `verify` and `doctor` said, with how often. */
  readonly named: Readonly<Record<string, number>>;
  /** All promises that were broken, the lost and harmed ones included; empty when it held. */
  readonly broken: readonly string[];
  /** Why it was not injected; null when it was. */
  readonly skipped: string | null;
}

const BROKEN_KEPT = 20;

/** Keeps count while a fault is injected again and again. */
export class FaultBooks {
  readonly #codes = new Map<string, number>();
  readonly #named = new Map<string, number>();
  readonly #broken: string[] = [];
  #injected = 0;
  #acknowledged = 0;
  #lost = 0;
  #harmed = 0;

  /** One more injection. */
  inject(): void {
    this.#injected += 1;
  }

  /** Records that must be there. */
  acknowledge(records: number): void {
    this.#acknowledged += records;
  }

  /** A caller was told this. */
  code(code: string): void {
    this.#codes.set(code, (this.#codes.get(code) ?? 0) + 1);
  }

  /** `verify` or `doctor` said this. */
  name(word: string): void {
    this.#named.set(word, (this.#named.get(word) ?? 0) + 1);
  }

  lose(what: string): void {
    this.#lost += 1;
    this.break(`lost: ${what}`);
  }

  harm(what: string): void {
    this.#harmed += 1;
    this.break(`harmed: ${what}`);
  }

  /** A promise was broken. */
  break(what: string): void {
    if (this.#broken.length < BROKEN_KEPT) this.#broken.push(what);
  }

  /** Breaks the promise unless it was kept. */
  expect(isKept: boolean, promise: string): void {
    if (!isKept) this.break(promise);
  }

  result(id: string): FaultResult {
    return {
      id,
      injected: this.#injected,
      acknowledged: this.#acknowledged,
      lost: this.#lost,
      harmed: this.#harmed,
      codes: sorted(this.#codes),
      named: sorted(this.#named),
      broken: this.#broken,
      skipped: null,
    };
  }
}

function sorted(counts: ReadonlyMap<string, number>): Readonly<Record<string, number>> {
  return Object.fromEntries([...counts].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

/** The result of a fault that could not be injected here. */
export function skippedResult(id: string, reason: string): FaultResult {
  return { ...new FaultBooks().result(id), skipped: reason };
}
