/**
 * Threads that leave a schema and come into one. What leaves a fork is whole: its own lines and those it refers to, as
 * one log. What comes in is whole too, and owned by nobody. It needs no node: no lease is taken, nobody is asked. A store
 * handle has one on its own connections (`transfer`).
 */
import { type Logger } from "../../base/index.ts";
import { requireThreadId } from "../call-check.ts";
import type { LogTransfer, TransferThread } from "../log-transfer.ts";
import { schemaPlaceOf } from "./database-url.ts";
import { LogReader } from "./log-reader.ts";
import { migrate } from "./migrations.ts";
import { attempt, PostgresDatabase } from "./postgres-database.ts";
import { postgresSettings } from "./postgres-options.ts";
import { STATE } from "./schema.ts";
import { meetGuarded } from "./server-guard.ts";
import { type Statements, statementsOf } from "./statements.ts";
import { findRow, nameOf, type ThreadRow } from "./thread-rows.ts";
import { createTransferIntake } from "./transfer-intake.ts";

/** Which schema. */
export interface PostgresLogTransferOptions {
  /** `postgres://user@host:port/database`. */
  readonly url: string;
  /** Made where there is none. Default "skein". */
  readonly schema?: string;
  /** Opens on a server that may lose what it acknowledged. Default false. */
  readonly allowUnsafe?: boolean;
  /** Default: silent. */
  readonly logger?: Logger;
}

/** A schema's side of moving; closed by who opened it. */
export interface PostgresLogTransfer extends LogTransfer {
  /** Ends its connections. Idempotent. */
  close(): Promise<void>;
}

const PAGE_THREADS = 1_000;

/** Opens a schema for moving. `connection_failed`, `store_newer`, `store_not_durable`, `invalid_argument`, `permission_denied`. */
export async function openPostgresLogTransfer(options: PostgresLogTransferOptions): Promise<PostgresLogTransfer> {
  const settings = postgresSettings(options);
  const { schema, clock, logger, allowUnsafe } = settings;
  const database = new PostgresDatabase(settings);
  const statements = statementsOf(schema);
  const place = schemaPlaceOf(settings.url, schema);
  try {
    await attempt(`open ${place}`, async () => {
      // One that isn't there is said at once: nothing was begun that could be waited for.
      await meetGuarded(database, { place, retryMs: 0, allowUnsafe, logger });
      await migrate(database, { schema, clock });
    });
  } catch (error) {
    await database.close();
    throw error;
  }
  return { ...createLogTransfer({ database, statements, schema, place }), close: () => database.close() };
}

/** A schema as it is moved from and into. */
interface TransferPlace {
  readonly database: PostgresDatabase;
  readonly statements: Statements;
  readonly schema: string;
  /** Names it to a person. */
  readonly place: string;
}

/** A schema's side of moving, on connections that are open. */
export function createLogTransfer({ database, statements, schema, place }: TransferPlace): LogTransfer {
  const intake = createTransferIntake(database, schema);
  const reader = new LogReader(database, statements);
  return {
    place,
    threads: (after) => attempt("read the threads", () => readThreads(database, statements, after)),
    thread: (id) =>
      attempt("look for a thread", async () => {
        const row = await findRow(database, requireThreadId(id), { statements });
        return row === undefined || row.state === STATE.deleted ? undefined : transferThreadOf(row);
      }),
    readLog: (id) => readLog(reader, requireThreadId(id)),
    writeLog: (thread) => {
      const threadId = requireThreadId(thread.threadId);
      return attempt(`store thread ${threadId}`, () => intake.write({ ...thread, threadId }));
    },
  };
}

async function readThreads(
  database: PostgresDatabase,
  statements: Statements,
  after: string | null,
): Promise<readonly TransferThread[]> {
  for (let behind = after; ;) {
    const rows: readonly ThreadRow[] = await database.query<ThreadRow>(statements.threadsBehind, [
      behind,
      PAGE_THREADS,
    ]);
    const there = rows.filter(({ state }) => state !== STATE.deleted);
    const last = rows.at(-1);
    if (there.length > 0 || last === undefined) return there.map(transferThreadOf);
    behind = last.thread_id;
  }
}

function transferThreadOf(row: ThreadRow): TransferThread {
  const archived = row.state === STATE.archived;
  return { threadId: row.thread_id, archived, name: nameOf(row), sizeHint: null };
}

async function* readLog(reader: LogReader, threadId: string): AsyncGenerator<Uint8Array, void, undefined> {
  const parts = reader.lines({ threadId, from: 0 });
  try {
    for (;;) {
      const next = await attempt(`read thread ${threadId}`, () => parts.next());
      if (next.done === true) return;
      yield Buffer.concat(next.value.map(({ bytes }) => bytes));
    }
  } finally {
    await parts.return();
  }
}
