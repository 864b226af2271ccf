/**
 * A look at a pooler through two connections at once: the one that was just made, and another one that goes when the
 * look is over. What is looked for is in kept-sessions.ts.
 */
import { Client, type ClientBase, type ClientConfig } from "pg";

import type { Logger } from "../../base/index.ts";
import type { AnswerWatch } from "./answer-watch.ts";
import { MARK_COLUMN, requireKeptSessions, setMark } from "./kept-sessions.ts";

/** What is looked with. */
export interface PoolerLookOptions {
  /** As the connection's. */
  readonly config: ClientConfig;
  readonly watch: AnswerWatch;
  readonly logger: Logger;
  /** Longest silence, milliseconds. */
  readonly answerMs: number;
}

const GIVE = `SELECT ${setMark("$1")}`;
const READ = `SELECT ${MARK_COLUMN}`;

/** `store_unusable` where the pooler mixes sessions; the connection was given the mark. */
export async function lookAtPooler(client: ClientBase, mark: string, options: PoolerLookOptions): Promise<void> {
  const { config, watch, logger, answerMs } = options;
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

async function readAt(client: ClientBase): Promise<string | null> {
  return (await client.query<{ mark: string | null }>(READ)).rows[0]?.mark ?? null;
}
