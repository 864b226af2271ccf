/**
 * Wake-ups: who follows the logs is told soon when there may be something new. They are hints; a poll each second is
 * what is sure.
 *
 * What this handle wrote is told to the others by one NOTIFY a few milliseconds after the commit, for all that was
 * committed meanwhile: inside the transaction it would make commits wait for each other. One connection of the
 * handle listens, while anybody here wants to know.
 */
import type { Client } from "pg";

import type { Clock, Logger, Timer } from "../../base/index.ts";
import type { PostgresDatabase } from "./postgres-database.ts";

/** What wake-ups are made with. */
export interface WakeUpsOptions {
  readonly database: PostgresDatabase;
  readonly timers: Clock;
  readonly logger: Logger;
  /** One for each place. */
  readonly channel: string;
}

/** Commits of so many milliseconds share a NOTIFY. */
const COALESCE_MS = 5;
const POLL_MS = 1_000;
const RECONNECT_MS = 1_000;
/** A payload ends below 8,000 bytes; a thread's id is 36. */
const PAYLOAD_IDS_MAX = 200;

export class WakeUps {
  readonly #options: WakeUpsOptions;
  readonly #wakes = new Map<object, () => void>();
  #noted = new Set<string>();
  #notifyTimer: Timer | null = null;
  #pollTimer: Timer | null = null;
  #client: Client | null = null;
  #isConnecting = false;
  #isClosed = false;

  constructor(options: WakeUpsOptions) {
    this.#options = options;
  }

  /** These threads have something new, committed by this handle. */
  note(threadIds: readonly string[]): void {
    for (const id of threadIds) this.#noted.add(id);
    if (this.#isClosed) return;
    this.#notifyTimer ??= this.#options.timers.setTimer(COALESCE_MS, () => {
      this.#notifyTimer = null;
      this.#wakeAll();
      void this.#notify();
    });
  }

  /** Calls `wake` when there may be something new; returns the unsubscribe. */
  onWake(wake: () => void): () => void {
    const key = {};
    this.#wakes.set(key, wake);
    this.#poll();
    void this.#listen();
    return () => void this.#wakes.delete(key);
  }

  /** Sends what was noted and lets the connection go. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#wakes.clear();
    this.#notifyTimer?.cancel();
    this.#pollTimer?.cancel();
    if (this.#client !== null) this.#options.database.drop(this.#client);
    this.#client = null;
    await this.#notify();
  }

  #wakeAll(): void {
    for (const wake of this.#wakes.values()) wake();
  }

  async #notify(): Promise<void> {
    const ids = [...this.#noted];
    this.#noted = new Set();
    if (ids.length === 0) return;
    const payload = ids.length > PAYLOAD_IDS_MAX ? "*" : ids.join(",");
    const { database, channel, logger } = this.#options;
    try {
      await database.queryOnce({ text: "SELECT pg_notify($1, $2)", name: "skein_notify" }, [channel, payload]);
    } catch (error) {
      logger.debug({ error }, "other nodes could not be woken; they look each second");
    }
  }

  #poll(): void {
    if (this.#isClosed || this.#pollTimer !== null || this.#wakes.size === 0) return;
    this.#pollTimer = this.#options.timers.setTimer(POLL_MS, () => {
      this.#pollTimer = null;
      this.#wakeAll();
      this.#poll();
    });
  }

  async #listen(): Promise<void> {
    if (this.#isClosed || this.#isConnecting || this.#client !== null || this.#wakes.size === 0) return;
    this.#isConnecting = true;
    const { database, channel, logger } = this.#options;
    try {
      const client = await database.connect((lost) => {
        if (this.#client !== lost) return;
        this.#client = null;
        this.#listenLater();
      });
      if (this.#isClosed) {
        database.drop(client);
        return;
      }
      this.#client = client;
      client.on("notification", () => this.#wakeAll());
      await client.query(`LISTEN "${channel}"`);
      // What came between the last look and now told nobody.
      this.#wakeAll();
    } catch (error) {
      logger.debug({ error }, "nobody listens for wake-ups of other nodes just now; a look each second goes on");
      this.#listenLater();
    } finally {
      this.#isConnecting = false;
    }
  }

  #listenLater(): void {
    if (!this.#isClosed) this.#options.timers.setTimer(RECONNECT_MS, () => void this.#listen());
  }
}
