/**
 * Makes a schema and brings it to the version this code is for, under an advisory lock, so that handles that are
 * opened at once make it once. A newer one is refused: an older program would write what the newer can't read.
 *
 * A schema that was restored into another cluster has transaction numbers that mean nothing there: its lines are then
 * numbered anew, and followers are told that their cursors are of another history (the generation).
 */
import { type Clock, createIdSource, fault, type SkeinError } from "../../base/index.ts";
import type { PostgresDatabase, Queryable } from "./postgres-database.ts";
import { sqlStateOf } from "./postgres-fault.ts";
import { inSchema, MIGRATIONS, SCHEMA_VERSION } from "./schema.ts";

/** What a schema says of itself. */
export interface SchemaFacts {
  /** Names the place, for good. */
  readonly placeId: string;
  /** Grows when cursors of before lose their meaning. */
  readonly generation: number;
  /** Names the cluster it is in. */
  readonly serverId: string;
}

/** No user that opened the schema so far was told the cluster's name. */
const UNKNOWN_SERVER = "unknown";

interface MetaRow {
  readonly k: string;
  readonly v: string;
}

/** Where a schema is. */
interface SchemaPlace {
  readonly schema: string;
  readonly clock: Clock;
}

/** Brings the schema up to date. `store_newer`, `store_unusable`, `permission_denied`. */
export async function migrate(database: PostgresDatabase, place: SchemaPlace): Promise<SchemaFacts> {
  try {
    return await migrateOwn(database, place);
  } catch (error) {
    if (isForeign(error)) throw foreignTables(place.schema, error);
    throw error;
  }
}

async function migrateOwn(database: PostgresDatabase, { schema, clock }: SchemaPlace): Promise<SchemaFacts> {
  const ready = await readReady(database, schema);
  if (ready !== undefined) return ready;
  // A second look under the lock: another handle may have made it meanwhile. All of it can be done twice.
  return database.retrying(() =>
    database.transaction(async (tx) => {
      await tx.query({ text: "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))" }, [`skein schema ${schema}`]);
      await makeSchema(tx, schema);
      await tx.query({
        text: inSchema("CREATE TABLE IF NOT EXISTS {s}.meta (k text PRIMARY KEY, v text NOT NULL)", schema),
      });
      const meta = await readMeta(tx, schema);
      const version = versionOf(meta, schema);
      for (const statements of MIGRATIONS.slice(version)) {
        for (const text of statements) await tx.query({ text: inSchema(text, schema) });
      }
      const placeId = meta.get("place_id") ?? createIdSource(clock).next();
      const serverId = await readServerId(tx, meta);
      const isMoved = ![undefined, UNKNOWN_SERVER, serverId].includes(meta.get("server_id"));
      if (isMoved) await renumber(tx, schema);
      const generation = numberOf(meta, "generation", schema) + (isMoved ? 1 : 0);
      const facts = { schema_version: `${SCHEMA_VERSION}`, place_id: placeId, server_id: serverId };
      for (const [k, v] of Object.entries({ ...facts, generation: `${generation}` }))
        await writeMeta(tx, schema, { k, v });
      return { placeId, generation, serverId };
    }),
  );
}

/** The facts where there is nothing to be done; undefined where there is, or no schema at all. */
async function readReady(database: PostgresDatabase, schema: string): Promise<SchemaFacts | undefined> {
  const [found] = await database.query<{ there: string | null }>({ text: "SELECT to_regclass($1) AS there" }, [
    inSchema("{s}.meta", schema),
  ]);
  if (found?.there === null || found === undefined) return undefined;
  const meta = await readMeta(database, schema);
  const serverId = await readServerId(database, meta);
  const isReady = versionOf(meta, schema) === SCHEMA_VERSION && meta.get("server_id") === serverId;
  const placeId = meta.get("place_id");
  return isReady && placeId !== undefined
    ? { placeId, generation: numberOf(meta, "generation", schema), serverId }
    : undefined;
}

/**
 * Where it was made by somebody with more rights, this user needs none to make it. The table is asked, and not
 * to_regnamespace: that one goes by what this session knew before it waited for the lock.
 */
async function makeSchema(tx: Queryable, schema: string): Promise<void> {
  const found = await tx.query({ text: "SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = $1" }, [schema]);
  if (found.length === 0) await tx.query({ text: inSchema("CREATE SCHEMA {s}", schema) });
}

async function readMeta(source: Queryable, schema: string): Promise<ReadonlyMap<string, string>> {
  const rows = await source.query<MetaRow & Record<string, unknown>>({
    text: inSchema("SELECT k, v FROM {s}.meta", schema),
  });
  return new Map(rows.map(({ k, v }) => [k, v]));
}

async function writeMeta(tx: Queryable, schema: string, { k, v }: MetaRow): Promise<void> {
  const text = "INSERT INTO {s}.meta (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v";
  await tx.query({ text: inSchema(text, schema) }, [k, v]);
}

function versionOf(meta: ReadonlyMap<string, string>, schema: string): number {
  const version = numberOf(meta, "schema_version", schema);
  if (version <= SCHEMA_VERSION) return version;
  throw fault(
    "store_newer",
    `the schema ${schema} was made by a newer Skein (version ${version}, this one knows ${SCHEMA_VERSION}): use that, or another schema`,
    { data: { schema, version, versionKnown: SCHEMA_VERSION } },
  );
}

/** A whole number of what the schema says of itself; 0 where it doesn't. */
function numberOf(meta: ReadonlyMap<string, string>, k: string, schema: string): number {
  const text = meta.get(k) ?? "0";
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw fault(
    "store_unusable",
    `the schema ${schema} says of itself that its ${k} is ${JSON.stringify(text.slice(0, 40))}, which is no number: restore its table meta from a backup, or name another schema`,
    { data: { schema, key: k } },
  );
}

/** Whether the server says of a statement that tables aren't there, are there already, or are made otherwise. */
function isForeign(error: unknown): boolean {
  const state = sqlStateOf(error) ?? "";
  return /^(42|22)/.test(state) && state !== "42501";
}

function foreignTables(schema: string, cause: unknown): SkeinError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return fault(
    "store_unusable",
    `the schema ${schema} has tables in it that aren't Skein's, or aren't whole (PostgreSQL says: ${reason}): name a schema of its own for the store, or restore this one from a backup`,
    { data: { schema, sqlState: sqlStateOf(cause) ?? null }, cause },
  );
}

/** Names the cluster. Where this user isn't told: the one that the schema was in before, which says nothing of a move. */
async function readServerId(source: Queryable, meta: ReadonlyMap<string, string>): Promise<string> {
  const known = meta.get("server_id") ?? UNKNOWN_SERVER;
  const [may] = await source.query<{ may: boolean }>({
    text: "SELECT has_function_privilege('pg_control_system()', 'execute') AS may",
  });
  if (may?.may !== true) return known;
  const [row] = await source.query<{ id: string }>({
    text: "SELECT system_identifier::text AS id FROM pg_control_system()",
  });
  return row?.id ?? known;
}

/** Everything is from before this cluster's first transaction, in the order it was in. */
async function renumber(tx: Queryable, schema: string): Promise<void> {
  await tx.query({ text: "SET LOCAL statement_timeout = 0" });
  for (const table of ["event", "change"]) {
    await tx.query({ text: inSchema(`UPDATE {s}.${table} SET xid = '1'::xid8`, schema) });
  }
}
