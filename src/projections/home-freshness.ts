/**
 * How much of a home a sweep has to look at. A process that sweeps once looks at all files; one that does so
 * again starts a watcher, and from then on looks at what the watcher noticed. All files are looked at again
 * now and then, whatever the watcher says: a mistake of it would not last.
 */
import type { Clock, Logger } from "../base/index.ts";
import type { HomeWatcher, StartHomeWatcher } from "./home-watcher.ts";
import { networkMountOf } from "./network-mount.ts";

/** What it needs. */
export interface HomeFreshnessOptions {
  readonly home: string;
  readonly start: StartHomeWatcher | null;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Longest time between two looks at all files, while somebody asks. */
const LOOK_AT_ALL_MS = 60_000;

export class HomeFreshness {
  readonly #options: HomeFreshnessOptions;
  #sweeps = 0;
  #watcher: HomeWatcher | null = null;
  #starting: Promise<void> | null = null;
  /** All files were looked at since the watcher began. */
  #isPrimed = false;
  #lookedAtAllMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: HomeFreshnessOptions) {
    this.#options = options;
  }

  /** The paths to look at; null for all. What was done before the call is among them. Call `swept` when it is done. */
  async changedPaths(): Promise<{ readonly paths: readonly string[] | null; readonly swept: () => void }> {
    this.#sweeps += 1;
    if (this.#sweeps > 1) this.#start();
    const watcher = this.#watcher;
    const changes = watcher === null ? null : await watcher.changes();
    const nowMs = this.#options.clock.monotonicMs();
    const isDue = nowMs - this.#lookedAtAllMs >= LOOK_AT_ALL_MS;
    if (this.#isPrimed && changes !== null && !isDue) return { paths: changes, swept: () => {} };
    this.#isPrimed = false;
    return {
      paths: null,
      swept: () => {
        this.#isPrimed = watcher !== null;
        this.#lookedAtAllMs = nowMs;
      },
    };
  }

  /** A sweep that failed may not have looked at what was noticed: the next one looks at all. */
  failed(): void {
    this.#isPrimed = false;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#starting;
    await this.#watcher?.close();
  }

  #start(): void {
    const { start, home, logger } = this.#options;
    if (start === null || this.#starting !== null || networkMountOf(home) !== undefined) return;
    this.#starting = start(home).then(
      async (watcher) => {
        if (watcher === undefined) logger.info({ home }, "the home can't be watched: each list looks at all files");
        else if (this.#isClosed) await watcher.close();
        else this.#watcher = watcher;
      },
      (error: unknown) =>
        logger.warn({ error, home }, "the home's watcher did not start: each list looks at all files"),
    );
  }
}
