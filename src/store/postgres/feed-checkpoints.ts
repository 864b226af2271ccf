/**
 * Where consumers of threads' events keep their place, in the database that the threads are in: a consumer that comes
 * back at another node goes on where it was. An app-server takes them as its checkpoints. Positions only grow, whoever
 * saves them; which of two nodes has a consumer is theirs to know.
 *
 * It has connections of its own, opened when they are needed, eight at most: it stands beside a store, and is not part
 * of its handle.
 */
import { type Clock, type Logger, rejection, silentLogger } from "../../base/index.ts";
import { requireThreadId } from "../call-check.ts";
import { createKeyedLock } from "../keyed-lock.ts";
import { migrate } from "./migrations.ts";
import { attempt, PostgresDatabase } from "./postgres-database.ts";
import { postgresSettings } from "./postgres-options.ts";
import { inSchema } from "./schema.ts";

/** Where the checkpoints are. */
export interface PostgresCheckpointsOptions {
  /** As the store's. */
  readonly url: string;
  /** As the store's. Default "skein". */
  readonly schema?: string;
  /** Default: the system's. */
  readonly clock?: Clock;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** Names a checkpoint. */
export interface FeedCheckpointKey {
  /** The consumer's own name, 1 to 128 characters. */
  readonly name: string;
  readonly threadId: string;
}

/** Checkpoints in a database. Every method rejects with a SkeinError. */
export interface PostgresCheckpoints {
  /** The first ordinal that is not done yet; null where there is no such checkpoint. */
  read(key: FeedCheckpointKey): Promise<number | null>;
  /** Resolves when this position, or a later one, is committed. */
  save(key: FeedCheckpointKey, nextOrdinal: number): Promise<void>;
  /** Forgets a checkpoint; fine when there is none. */
  delete(key: FeedCheckpointKey): Promise<void>;
  /** Forgets all checkpoints of a thread. */
  deleteThread(threadId: string): Promise<void>;
  /** Waits for what was asked, and lets the connection go. Idempotent. */
  close(): Promise<void>;
}

const NAME_CHARS_MAX = 128;

/** Opens the checkpoints of a schema, which is made where there is none. `connection_failed`, `permission_denied`, `store_newer`. */
export async function openPostgresCheckpoints(options: PostgresCheckpointsOptions): Promise<PostgresCheckpoints> {
  const { url, clock, logger = silentLogger } = options;
  const named = options.schema === undefined ? {} : { schema: options.schema };
  const settings = postgresSettings({ url, logger, ...named, ...(clock === undefined ? {} : { clock }) });
  const { schema } = settings;
  const database = new PostgresDatabase(settings);
  try {
    await attempt("open the checkpoints", () => migrate(database, { schema, clock: settings.clock }));
  } catch (error) {
    await database.close();
    throw error;
  }
  return checkpointsOf(database, schema);
}

function checkpointsOf(database: PostgresDatabase, schema: string): PostgresCheckpoints {
  // Calls about one thread take effect in the order in which they were made.
  const lock = createKeyedLock();
  const ask = <Row extends Readonly<Record<string, unknown>>>(
    what: string,
    text: string,
    [id, ...values]: readonly [string, ...unknown[]],
  ): Promise<readonly Row[]> => {
    const threadId = requireThreadId(id);
    const statement = { text: inSchema(text, schema), name: `skein_checkpoint_${what}` };
    return lock.run(threadId, () =>
      attempt(`${what} a checkpoint of thread ${threadId}`, () =>
        database.query<Row>(statement, [threadId, ...values]),
      ),
    );
  };
  return {
    async read({ name, threadId }) {
      const text = "SELECT next_ordinal::float8 AS ordinal FROM {s}.feed_checkpoint WHERE thread_id = $1 AND name = $2";
      const [row] = await ask<{ ordinal: number }>("read", text, [threadId, requireName(name)]);
      return row?.ordinal ?? null;
    },
    async save({ name, threadId }, nextOrdinal) {
      requireOrdinal(nextOrdinal);
      const text = `INSERT INTO {s}.feed_checkpoint AS c (thread_id, name, next_ordinal) VALUES ($1, $2, $3)
        ON CONFLICT (thread_id, name) DO UPDATE SET
          next_ordinal = greatest(c.next_ordinal, excluded.next_ordinal), changed_at = clock_timestamp()`;
      await ask("save", text, [threadId, requireName(name), nextOrdinal]);
    },
    async delete({ name, threadId }) {
      const text = "DELETE FROM {s}.feed_checkpoint WHERE thread_id = $1 AND name = $2";
      await ask("delete", text, [threadId, requireName(name)]);
    },
    async deleteThread(threadId) {
      await ask("forget", "DELETE FROM {s}.feed_checkpoint WHERE thread_id = $1", [threadId]);
    },
    close: () => database.close(),
  };
}

function requireName(name: string): string {
  if (typeof name === "string" && name !== "" && name.length <= NAME_CHARS_MAX && !name.includes("\0")) return name;
  throw rejection("invalid_argument", `a checkpoint's name is 1 to ${NAME_CHARS_MAX} characters`);
}

function requireOrdinal(nextOrdinal: number): void {
  if (Number.isSafeInteger(nextOrdinal) && nextOrdinal >= 0) return;
  throw rejection("invalid_argument", "a checkpoint is a whole number of 0 or more", { nextOrdinal });
}
