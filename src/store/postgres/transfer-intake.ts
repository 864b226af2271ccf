/**
 * A thread that comes into a schema: its row and all of its lines in one transaction, so that nobody ever sees a part
 * of it and a crash leaves nothing. A thread of usual size is gathered first, and the transaction is short: while one
 * writes, every feed of the cluster waits for it. A longer one is gathered in a temporary table of its own connection,
 * in bounded statements, and copied from there by the server.
 */
import { type Client, type QueryResultRow } from "pg";

import type { IncomingThread, TransferredThread } from "../log-transfer.ts";
import { createAppendIds, type AppendIds } from "./append-ids.ts";
import type { PostgresDatabase, Queryable, Statement } from "./postgres-database.ts";
import { inSchema, STATE } from "./schema.ts";
import { threadExists } from "./thread-faults.ts";
import { type IncomingLine, IncomingLines } from "./transfer-lines.ts";

/** Where threads come in. */
export interface TransferIntake {
  /** `thread_exists`, `rollout_unreadable`. */
  write(thread: IncomingThread): Promise<TransferredThread>;
}

/** Bytes and lines of one statement. */
const PUT_BYTES_MAX = 1024 * 1024;
const PUT_LINES_MAX = 2_000;
/** Bytes of a thread that are gathered in memory. */
const GATHERED_BYTES_MAX = 8 * 1024 * 1024;
/** As long as the server may take to copy what was gathered there. */
const COPY_MS_MAX = 600_000;

const INSERT_THREAD = `INSERT INTO {s}.thread AS t (thread_id, next_ordinal, epoch, state, name)
  VALUES ($1::uuid, $2, 1, $3, $4)
  ON CONFLICT (thread_id) DO UPDATE SET next_ordinal = excluded.next_ordinal, epoch = t.epoch + 1, state = excluded.state,
    name = excluded.name, owner_node = NULL, owner_incarnation = NULL, owned_since = NULL, parent_id = NULL,
    reference_end = 0, depth = 0, created_at = excluded.created_at, changed_at = excluded.changed_at
  WHERE t.state = ${STATE.deleted}
  RETURNING t.thread_id`;

const LINE_COLUMNS = "thread_id, ordinal, append_id, key, key_from, body";
const GATHERED = "pg_temp.skein_incoming";
const MAKE_GATHERED = `CREATE TEMPORARY TABLE skein_incoming
  (thread_id uuid, ordinal bigint, append_id uuid, key text, key_from bigint, body bytea)`;

function insertLines(table: string): string {
  return `INSERT INTO ${table} (${LINE_COLUMNS})
    SELECT $1::uuid, e.ordinal, $2::uuid, e.key, e.key_from, substring($8::bytea FROM e.at FOR e.size)
    FROM unnest($3::bigint[], $4::int[], $5::int[], $6::text[], $7::bigint[]) AS e(ordinal, at, size, key, key_from)
    ORDER BY e.ordinal`;
}

/** Makes the intake of a schema. */
export function createTransferIntake(database: PostgresDatabase, schema: string): TransferIntake {
  const appendIds = createAppendIds();
  return {
    async write(thread) {
      const lines = new IncomingLines(thread.threadId);
      const puts = putsOf(thread.lines, lines);
      try {
        await storeThread({ database, schema, thread, appendIds, lines }, puts);
      } finally {
        // Whatever ended it: who gives the lines lets go of what it holds.
        await puts.return();
      }
      return { lineCount: lines.lineCount, byteCount: lines.byteCount };
    },
  };
}

interface Storing {
  readonly database: PostgresDatabase;
  readonly schema: string;
  readonly thread: IncomingThread;
  readonly appendIds: AppendIds;
  readonly lines: IncomingLines;
}

type Puts = AsyncGenerator<readonly IncomingLine[], void, undefined>;

async function storeThread(storing: Storing, puts: Puts): Promise<void> {
  const gathered: (readonly IncomingLine[])[] = [];
  for (let next = await puts.next(); next.done !== true; next = await puts.next()) {
    gathered.push(next.value);
    if (storing.lines.byteCount > GATHERED_BYTES_MAX) return storeLong(storing, gathered, puts);
  }
  return storing.database.transaction(async (tx) => {
    await putThread(tx, storing);
    for (const put of gathered) await putLines(tx, storing, { put, table: "{s}.event" });
  });
}

async function storeLong(storing: Storing, begun: (readonly IncomingLine[])[], rest: Puts): Promise<void> {
  const { database, schema, thread } = storing;
  // What it says of a lost connection, its next statement says too.
  const client = await database.connect(() => undefined);
  try {
    const own = queryableOf(client);
    await own.query({ text: MAKE_GATHERED });
    for (const put of begun) await putLines(own, storing, { put, table: GATHERED });
    begun.length = 0;
    for await (const put of rest) await putLines(own, storing, { put, table: GATHERED });
    await own.query({ text: "BEGIN" });
    await own.query({ text: `SET LOCAL statement_timeout = ${COPY_MS_MAX}` });
    await putThread(own, storing);
    const copy = `INSERT INTO {s}.event (${LINE_COLUMNS}) SELECT ${LINE_COLUMNS} FROM ${GATHERED} WHERE thread_id = $1::uuid ORDER BY ordinal`;
    await own.query({ text: inSchema(copy, schema) }, [thread.threadId]);
    await own.query({ text: "COMMIT" });
  } finally {
    // The table goes with its connection, and so does a transaction that was not ended.
    database.drop(client);
  }
}

function queryableOf(client: Client): Queryable {
  return {
    query: async <Row extends QueryResultRow>(statement: Statement, values: readonly unknown[] = []) =>
      (await client.query<Row>({ ...statement, values: [...values] })).rows,
  };
}

async function putThread(tx: Queryable, { schema, thread, lines }: Storing): Promise<void> {
  const { threadId, archived, name } = thread;
  const state = archived ? STATE.archived : STATE.live;
  const nameText = name === undefined ? null : JSON.stringify(name);
  const made = await tx.query({ text: inSchema(INSERT_THREAD, schema) }, [threadId, lines.lineCount, state, nameText]);
  if (made.length === 0) throw threadExists(threadId);
}

async function putLines(
  tx: Queryable,
  { schema, thread, appendIds }: Storing,
  { put, table }: { readonly put: readonly IncomingLine[]; readonly table: string },
): Promise<void> {
  const [ordinals, starts, sizes]: [number[], number[], number[]] = [[], [], []];
  let at = 1;
  for (const { ordinal, bytes } of put) {
    ordinals.push(ordinal);
    starts.push(at);
    sizes.push(bytes.byteLength);
    at += bytes.byteLength;
  }
  await tx.query({ text: inSchema(insertLines(table), schema) }, [
    thread.threadId,
    appendIds.next(),
    ordinals,
    starts,
    sizes,
    put.map(({ key }) => (key === null ? null : JSON.stringify(key.text))),
    put.map(({ key }) => key?.firstOrdinal ?? null),
    Buffer.concat(put.map(({ bytes }) => bytes)),
  ]);
}

/** The lines in statements' portions; a longer line is a portion of its own. */
async function* putsOf(parts: AsyncIterable<Uint8Array>, lines: IncomingLines): Puts {
  let put: IncomingLine[] = [];
  let bytes = 0;
  for await (const part of parts) {
    for (const line of lines.take(part)) {
      const isFull = bytes + line.bytes.byteLength > PUT_BYTES_MAX || put.length >= PUT_LINES_MAX;
      if (isFull && put.length > 0) {
        yield put;
        put = [];
        bytes = 0;
      }
      put.push(line);
      bytes += line.bytes.byteLength;
    }
  }
  lines.end();
  if (put.length > 0) yield put;
}
