/**
 * Sees to it that nobody waits for an answer that can't come: behind a firewall that forgot it a connection is silent for
 * ever. When nothing came for a while, the server is asked over another connection whether it is still at it. A long
 * statement and a slow line are waited for; a silent connection is cut off, and what waits there ends as lost.
 */
import { Client, type ClientBase, type ClientConfig } from "pg";

import type { Clock, Logger } from "../../base/index.ts";
import { isFull } from "./postgres-fault.ts";

/** What a watch is made with. */
export interface AnswerWatchOptions {
  /** As the connections that are watched. */
  readonly config: ClientConfig;
  readonly timers: Clock;
  readonly logger: Logger;
}

/** Longest that the server may take to say whether it is at it, milliseconds. */
const ASK_MS_MAX = 3_000;
/** A process that waits for its client to take what it sent is no sign: the line may be dead. */
const AT_WORK = `SELECT state NOT LIKE 'idle%' AND wait_event IS DISTINCT FROM 'ClientWrite' AS at_work
  FROM pg_stat_activity WHERE pid = $1`;

export class AnswerWatch {
  readonly #options: AnswerWatchOptions;
  readonly #pids = new WeakMap<ClientBase, number>();

  constructor(options: AnswerWatchOptions) {
    this.#options = options;
  }

  /** Which process of the server a connection leads to. Until that is known there is nobody to ask about. */
  notePid(client: ClientBase, pid: number): void {
    this.#pids.set(client, pid);
  }

  /** Waits for an answer, for `ms` since anything came, and on while the server is at it. */
  async inTime<Answer>(client: ClientBase, ms: number, ask: () => Promise<Answer>): Promise<Answer> {
    let isOver = false;
    let heard = bytesHeard(client);
    const look = async (): Promise<void> => {
      const now = bytesHeard(client);
      const goesOn = now > heard || (await this.#isAtWork(client));
      heard = now;
      if (isOver) return;
      if (goesOn) timer = this.#options.timers.setTimer(ms, () => void look());
      else cutOff(client);
    };
    let timer = this.#options.timers.setTimer(ms, () => void look());
    try {
      return await ask();
    } finally {
      isOver = true;
      timer.cancel();
    }
  }

  /** Never rejects. */
  async #isAtWork(client: ClientBase): Promise<boolean> {
    const pid = this.#pids.get(client);
    if (pid === undefined) return false;
    const { config, timers, logger } = this.#options;
    const asking = new Client({ ...config, connectionTimeoutMillis: ASK_MS_MAX });
    asking.on("error", (error) => logger.debug({ error }, "a connection to PostgreSQL was lost"));
    const timer = timers.setTimer(2 * ASK_MS_MAX, () => cutOff(asking));
    try {
      await asking.connect();
      const { rows } = await asking.query<{ at_work: boolean }>(AT_WORK, [pid]);
      return rows[0]?.at_work ?? false;
    } catch (error) {
      logger.debug({ error }, "the server didn't say whether it is still at it");
      // One that takes no more connections is there.
      return isFull(error);
    } finally {
      timer.cancel();
      asking.end().catch((error: unknown) => logger.debug({ error }, "a connection to PostgreSQL didn't end in order"));
    }
  }
}

/** Ends a connection without a goodbye, which a silent one would wait for. */
export function cutOff(client: ClientBase): void {
  streamOf(client)?.destroy?.();
}

interface Stream {
  readonly bytesRead?: number;
  destroy?(): void;
}

function streamOf(client: ClientBase): Stream | undefined {
  const { connection } = client as { connection?: { stream?: Stream } };
  return connection?.stream;
}

function bytesHeard(client: ClientBase): number {
  return streamOf(client)?.bytesRead ?? 0;
}
