/**
 * Looks at a pooler through two connections at once: one that was just made, and another one that goes when the look is
 * over. What is looked for is in kept-sessions.ts.
 *
 * One look at a time is enough for all connections of a handle. The first one has to succeed. A pooler may be set
 * otherwise while it runs, so it is looked at again now and then; where it has no session free for that, who works goes
 * on: it kept sessions before.
 */
import { Client, type ClientBase, type ClientConfig } from "pg";

import { type Clock, isSkeinError, type Logger } from "../../base/index.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import { MARK_COLUMN, requireKeptSessions, setMark } from "./kept-sessions.ts";

/** What is looked with. */
export interface PoolerLookOptions {
  /** As the connections'. */
  readonly config: ClientConfig;
  readonly watch: AnswerWatch;
  readonly timers: Clock;
  readonly logger: Logger;
  /** Longest silence in a look that has to succeed, milliseconds. */
  readonly answerMs: number;
}

/** A new connection looks again after so long, milliseconds. */
const AGAIN_AFTER_MS = 60_000;
/** Longest silence then, milliseconds: who made the connection waits for it. */
const AGAIN_ANSWER_MS_MAX = 1_000;

const GIVE = `SELECT ${setMark("$1")}`;
const READ = `SELECT ${MARK_COLUMN}`;

/** The looks of one handle's connections. */
export class PoolerLook {
  readonly #options: PoolerLookOptions;
  #keepsSessions = false;
  #beganMs = -Infinity;
  #running: Promise<void> | undefined;

  constructor(options: PoolerLookOptions) {
    this.#options = options;
  }

  /** Somebody found itself in another one's session: the next look has to succeed. */
  doubt(): void {
    this.#keepsSessions = false;
  }

  /** Called with each connection that is made through a pooler, and the mark it was given. `store_unusable` where sessions are mixed. */
  async look(client: ClientBase, mark: string): Promise<void> {
    const { timers, logger, answerMs } = this.#options;
    const keptSessions = this.#keepsSessions;
    const isRecent = timers.monotonicMs() - this.#beganMs <= AGAIN_AFTER_MS;
    if (keptSessions && (isRecent || this.#running !== undefined)) return;
    try {
      await (this.#running ??= this.#begin(client, mark, keptSessions ? AGAIN_ANSWER_MS_MAX : answerMs));
    } catch (error) {
      if (!keptSessions || isSkeinError(error, "store_unusable")) throw error;
      logger.warn(
        { error },
        "a pooler had no session left to see whether it still keeps them (it needs room for 11 of each node)",
      );
    }
  }

  async #begin(client: ClientBase, mark: string, answerMs: number): Promise<void> {
    this.#beganMs = this.#options.timers.monotonicMs();
    try {
      await this.#compare(client, mark, answerMs);
      this.#keepsSessions = true;
    } catch (error) {
      if (isSkeinError(error, "store_unusable")) this.#keepsSessions = false;
      throw error;
    } finally {
      this.#running = undefined;
    }
  }

  /** The connection has the mark again behind it. */
  async #compare(client: ClientBase, mark: string, answerMs: number): Promise<void> {
    const { config, watch, logger } = this.#options;
    const other = new Client(config);
    other.on("error", (error) => logger.debug({ error }, "a connection to PostgreSQL was lost"));
    try {
      await watch.inTime(other, answerMs, async () => {
        await other.connect();
        await requireKeptSessions({
          mark,
          give: async () => void (await client.query(GIVE, [mark])),
          read: () => readAt(client),
          readOther: () => readAt(other),
        });
      });
    } finally {
      other.end().catch((error: unknown) => logger.debug({ error }, "a connection to PostgreSQL didn't end in order"));
    }
  }
}

async function readAt(client: ClientBase): Promise<string | null> {
  return (await client.query<{ mark: string | null }>(READ)).rows[0]?.mark ?? null;
}
