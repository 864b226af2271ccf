/**
 * Opens the place of a store on PostgreSQL: looks whether the server keeps what it acknowledges, brings the schema up
 * to date, registers the node, and joins the parts of the handle. Each connection of the handle is looked at again: a
 * server that isn't what it was is refused, or its leases are dropped.
 */
import { createKeyedLock } from "../keyed-lock.ts";
import { createLineClock } from "../line-clock.ts";
import type { LogIndex } from "../log-index.ts";
import { createAppendIds } from "./append-ids.ts";
import { schemaPlaceOf } from "./database-url.ts";
import { EventTeller } from "./event-teller.ts";
import { GroupCommitter, type WrittenPart } from "./group-committer.ts";
import { LogReader } from "./log-reader.ts";
import { migrate, type SchemaFacts } from "./migrations.ts";
import { NodeLease } from "./node-lease.ts";
import type { OpenedDatabase, PostgresContext } from "./postgres-context.ts";
import { PostgresDatabase } from "./postgres-database.ts";
import { postgresFault } from "./postgres-fault.ts";
import { createLogSource } from "./postgres-log-source.ts";
import { type PostgresSettings, postgresSettings, type PostgresStoreOptions } from "./postgres-options.ts";
import { type PostgresStore, PostgresThreadStore } from "./postgres-thread-store.ts";
import { type MetServer, meetGuarded, OPEN_RETRY_MS, requireSame } from "./server-guard.ts";
import { statementsOf } from "./statements.ts";
import { leaseGone } from "./thread-faults.ts";
import { WakeUps } from "./wake-ups.ts";
import { WriterRegistry } from "./writer-registry.ts";

/**
 * Opens the store. `invalid_argument`, `connection_failed`, `store_not_durable`, `store_newer`, `store_unusable`,
 * `permission_denied`.
 */
export async function openPostgresThreadStore(options: PostgresStoreOptions): Promise<PostgresStore> {
  const settings = postgresSettings(options);
  const database = new PostgresDatabase(settings);
  try {
    return await openOn(database, settings);
  } catch (error) {
    await database.close();
    throw postgresFault(error, "open the store on PostgreSQL");
  }
}

async function openOn(database: PostgresDatabase, settings: PostgresSettings): Promise<PostgresStore> {
  const { url, schema, logger, allowUnsafe } = settings;
  const place = schemaPlaceOf(url, schema);
  const met = await meetGuarded(database, { place, retryMs: OPEN_RETRY_MS, allowUnsafe, logger });
  const facts = await migrate(database, { schema, clock: settings.clock });
  const joined = join(database, settings, { ...met, facts });
  await joined.lease.open();
  try {
    await joined.openRows();
  } catch (error) {
    await joined.lease.close();
    throw error;
  }
  return new PostgresThreadStore(joined.opened);
}

interface Found extends MetServer {
  readonly facts: SchemaFacts;
}

interface Joined {
  readonly opened: OpenedDatabase;
  readonly lease: NodeLease;
  readonly openRows: () => Promise<void>;
}

function join(database: PostgresDatabase, settings: PostgresSettings, found: Found): Joined {
  const { logger, timers, schema } = settings;
  const { placeId, generation, serverId } = found.facts;
  const { watch } = found;
  const statements = statementsOf(schema);
  const writers = new WriterRegistry();
  const appendIds = createAppendIds();
  let { timeline } = found.server;
  const history = (): string => `${generation}.${serverId}.${timeline ?? 0}`;
  const wakeUps = new WakeUps({ database, timers, logger, channel: `skein_${placeId.replaceAll("-", "")}` });
  const teller = new EventTeller({ database, statements, appendIds, wakeUps, timers, logger, history });
  const lease = new NodeLease({
    database,
    settings,
    held: () => writers.all().filter(({ newMeta, refusal }) => newMeta === null && refusal === null),
    onLost: (why) => {
      for (const writer of writers.all()) writer.kill(leaseGone(writer.threadId, writer.epoch, why));
    },
    onRenewed: (seen) => {
      teller.noteEnd(seen.snapshot);
      watch.noteSettings(seen);
    },
  });
  lease.noteServer(found.server);
  database.onServer = async (state) => {
    requireSame(found, state);
    timeline = state.timeline ?? timeline;
    lease.noteServer(state);
  };
  const reader = new LogReader(database, statements);
  const source = createLogSource({ database, statements, reader, wakeUps, place: `postgres:${placeId}`, history });
  const onPut = (written: readonly WrittenPart[]): void => {
    for (const { threadId, ...line } of written) teller.marks.note(threadId, line, history());
    wakeUps.note(written.map(({ threadId }) => threadId));
  };
  const committer = new GroupCommitter({ database, statements, appendIds, lease, timers, durability: watch, onPut });
  let index: LogIndex | null = null;
  const rows = (): LogIndex | null => index;
  const context: PostgresContext = {
    settings,
    database,
    statements,
    lease,
    appendIds,
    committer,
    writers,
    lock: createKeyedLock(),
    reader,
    events: teller.events,
    lineClock: createLineClock(settings.clock),
    durability: () => watch.durability,
    wakeUps,
    takeOver: (threadId, nextOrdinal) => teller.takeOver(threadId, nextOrdinal),
    marks: teller.marks,
    rows,
  };
  const openRows = async (): Promise<void> => {
    index = (await settings.index?.(source)) ?? null;
  };
  return { opened: { context, durability: () => watch.report, source, teller, rows }, lease, openRows };
}
