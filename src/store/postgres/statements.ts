/**
 * The statements that are asked often, with the schema in them; each is prepared under its name once a connection.
 * What is asked rarely stands where it is used.
 *
 * A node is alive while `alive_until` is ahead of the server's clock, and owns a thread whose row names it with its
 * incarnation. Only who may take a thread goes by that: who may write to it is the epoch's to say.
 */
import { MARK_COLUMN } from "./kept-sessions.ts";
import type { Statement } from "./postgres-database.ts";
import { inSchema } from "./schema.ts";

/** Of a thread's row `t`: another node that is alive owns it. `$node`, `$inc`: this one. */
function isOthers(node: string, incarnation: string): string {
  return `t.owner_node IS NOT NULL AND NOT (t.owner_node = ${node} AND t.owner_incarnation = ${incarnation})
    AND EXISTS (SELECT FROM {s}.node n WHERE n.node_id = t.owner_node AND n.incarnation = t.owner_incarnation
      AND n.alive_until > clock_timestamp())`;
}

const OWNER_COLUMNS = `t.owner_node, t.owner_incarnation::text AS owner_incarnation,
  (extract(epoch FROM t.owned_since) * 1000)::float8 AS since_ms, n.host, n.pid, n.url,
  coalesce(n.incarnation = t.owner_incarnation AND n.alive_until > clock_timestamp(), false) AS is_alive`;

const THREAD_COLUMNS = `t.thread_id, t.next_ordinal::float8 AS next_ordinal, t.epoch::float8 AS epoch, t.state, t.name,
  t.parent_id, t.reference_end::float8 AS reference_end, t.depth, extract(epoch FROM t.created_at)::text AS born, ${OWNER_COLUMNS}`;

const THREAD_FROM = `{s}.thread t LEFT JOIN {s}.node n ON n.node_id = t.owner_node`;

/** Behind the place where a page begins. */
const BEHIND = "(a.xid, a.position) > ($1::text::xid8, $2::bigint)";
const TEXT_OF_BODY = "convert_from(g.body, 'UTF8') AS text";

/**
 * Of an entry `a`. A transaction gets its number when it begins to write, and commits whenever it likes: only what is
 * older than all that still run is told, or who goes by numbers would pass over it.
 */
const FEED_CONDITIONS = [`${BEHIND} AND a.xid < pg_snapshot_xmin(pg_current_snapshot())`];

/**
 * The same: what is visible in the snapshot $8 and isn't in one before, which had $5 under way and knew nothing behind
 * ($6, $7). Each begins where its part of the index begins.
 */
const NEWS_CONDITIONS = [
  `${BEHIND} AND a.xid = ANY($5::xid8[])`,
  "(a.xid, a.position) > ($6::text::xid8, $7::bigint)",
].map((isNew) => `${isNew} AND pg_visible_in_snapshot(a.xid, $8::text::pg_snapshot)`);

/** What one look sees: which transactions are over, and the newest of those that told something (`settledSnapshot`). */
const SNAPSHOT_COLUMNS = `pg_current_snapshot()::text AS snapshot,
  greatest(${newestXid("event")}, ${newestXid("change")})::text AS newest_xid`;

const TEXTS = {
  thread: `SELECT ${THREAD_COLUMNS} FROM ${THREAD_FROM} WHERE t.thread_id = $1::uuid`,
  threads: `SELECT ${THREAD_COLUMNS} FROM ${THREAD_FROM} WHERE t.thread_id = ANY($1::uuid[])`,
  threadsBehind: `SELECT ${THREAD_COLUMNS} FROM ${THREAD_FROM}
    WHERE $1::uuid IS NULL OR t.thread_id > $1::uuid ORDER BY t.thread_id LIMIT $2`,
  lockThread: `SELECT ${THREAD_COLUMNS} FROM ${THREAD_FROM} WHERE t.thread_id = $1::uuid FOR UPDATE OF t`,
  shareThread: `SELECT ${THREAD_COLUMNS} FROM ${THREAD_FROM} WHERE t.thread_id = $1::uuid FOR KEY SHARE OF t`,
  acquire: `UPDATE {s}.thread t SET epoch = greatest(t.epoch + 1, $4::bigint), owner_node = $2, owner_incarnation = $3::bigint,
    owned_since = clock_timestamp()
    WHERE t.thread_id = $1::uuid AND t.state < 2 AND NOT (${isOthers("$2", "$3::bigint")})
    RETURNING t.epoch::float8 AS epoch, t.next_ordinal::float8 AS next_ordinal`,
  release: `UPDATE {s}.thread SET owner_node = NULL, owner_incarnation = NULL, owned_since = NULL
    WHERE thread_id = $1::uuid AND epoch = $2::bigint AND owner_node = $3 AND owner_incarnation = $4::bigint`,
  move: `UPDATE {s}.thread t SET state = $4, changed_at = clock_timestamp()
    WHERE t.thread_id = $1::uuid AND t.state = $5 AND NOT (${isOthers("$2", "$3::bigint")}) RETURNING t.thread_id`,
  rename: `UPDATE {s}.thread SET name = $2, changed_at = clock_timestamp()
    WHERE thread_id = $1::uuid AND state < 2 RETURNING thread_id`,
  noteChange: `INSERT INTO {s}.change (thread_id, kind, name, append_id) VALUES ($1::uuid, $2, $3, $4::uuid)`,
  changeOf: `SELECT kind FROM {s}.change WHERE thread_id = $1::uuid AND append_id = $2::uuid`,
  insertThread: `INSERT INTO {s}.thread AS t (thread_id, next_ordinal, epoch, owner_node, owner_incarnation, owned_since,
      parent_id, reference_end, depth)
    VALUES ($1::uuid, $2, $3::bigint, $4, $5::bigint, clock_timestamp(), $6::uuid, $7, $8)
    ON CONFLICT (thread_id) DO UPDATE SET next_ordinal = excluded.next_ordinal, epoch = greatest(t.epoch + 1, excluded.epoch),
      state = 0, name = NULL, owner_node = excluded.owner_node, owner_incarnation = excluded.owner_incarnation,
      owned_since = excluded.owned_since, parent_id = excluded.parent_id, reference_end = excluded.reference_end,
      depth = excluded.depth, created_at = excluded.created_at, changed_at = excluded.changed_at
    WHERE t.state = 2
    RETURNING t.epoch::float8 AS epoch`,
  insertLine: `INSERT INTO {s}.event (thread_id, ordinal, append_id, body) VALUES ($1::uuid, $2, $3::uuid, $4)`,
  chain: `WITH RECURSIVE chain AS (
      SELECT thread_id, next_ordinal, state, parent_id, reference_end, 0 AS step FROM {s}.thread WHERE thread_id = $1::uuid
      UNION ALL
      SELECT p.thread_id, p.next_ordinal, p.state, p.parent_id, p.reference_end, c.step + 1
      FROM chain c JOIN {s}.thread p ON p.thread_id = c.parent_id WHERE c.step < 1000
    )
    SELECT c.thread_id, c.next_ordinal::float8 AS next_ordinal, c.state, c.reference_end::float8 AS reference_end,
      n.ordinal::float8 AS newest_ordinal, n.append_id AS newest_append_id
    FROM chain c LEFT JOIN LATERAL (SELECT e.ordinal, e.append_id FROM {s}.event e
      WHERE c.step = 0 AND e.thread_id = c.thread_id AND (e.ordinal = 0 OR e.ordinal > c.reference_end) ORDER BY e.ordinal DESC LIMIT 1) n ON true ORDER BY c.step`,
  lines: `SELECT ordinal, body FROM (
      SELECT e.ordinal::float8 AS ordinal, e.body, sum(octet_length(e.body)) OVER (ORDER BY e.ordinal) - octet_length(e.body) AS before
      FROM (SELECT * FROM {s}.event WHERE thread_id = $1::uuid AND ordinal >= $2 AND ordinal < $3 ORDER BY ordinal LIMIT $4) e
    ) f WHERE before < $5 ORDER BY ordinal`,
  texts: `SELECT ordinal, convert_from(body, 'UTF8') AS text FROM (
      SELECT e.ordinal::float8 AS ordinal, e.body, sum(octet_length(e.body)) OVER (ORDER BY e.ordinal) - octet_length(e.body) AS before
      FROM (SELECT * FROM {s}.event WHERE thread_id = $1::uuid AND ordinal >= $2 AND ordinal < $3 ORDER BY ordinal LIMIT $4) e
    ) f WHERE before < $5 ORDER BY ordinal`,
  keys: `SELECT ordinal::float8 AS ordinal, key, key_from::float8 AS key_from FROM {s}.event
    WHERE thread_id = $1::uuid AND key IS NOT NULL ORDER BY ordinal DESC LIMIT $2`,
  appendAt: `SELECT append_id FROM {s}.event WHERE thread_id = $1::uuid AND ordinal = $2`,
  linesAt: `SELECT w.thread_id, t.state, t.next_ordinal::float8 AS next_ordinal, e.append_id
    FROM unnest($1::uuid[], $2::bigint[]) AS w(thread_id, ordinal) LEFT JOIN {s}.thread t ON t.thread_id = w.thread_id
    LEFT JOIN {s}.event e ON e.thread_id = w.thread_id AND e.ordinal = w.ordinal`,
  losers: `SELECT w.i::int AS i, t.thread_id, t.next_ordinal::float8 AS next_ordinal, t.epoch::float8 AS epoch, t.state, ${OWNER_COLUMNS},
      (SELECT e.append_id FROM {s}.event e WHERE e.thread_id = w.thread_id AND e.ordinal = w.expected) AS landed_id
    FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS w(thread_id, expected, i)
    LEFT JOIN {s}.thread t ON t.thread_id = w.thread_id LEFT JOIN {s}.node n ON n.node_id = t.owner_node`,
  children: `SELECT thread_id, reference_end::float8 AS reference_end FROM {s}.thread
    WHERE parent_id = $1::uuid ORDER BY thread_id FOR UPDATE`,
  forks: `SELECT thread_id, reference_end::float8 AS reference_end FROM {s}.thread
    WHERE parent_id = $1::uuid AND state < 2 ORDER BY thread_id`,
  lockFork: `SELECT thread_id, reference_end::float8 AS reference_end FROM {s}.thread
    WHERE thread_id = $1::uuid AND parent_id = $2::uuid AND reference_end = $3::bigint AND state < 2 FOR UPDATE`,
  copied: `SELECT count(*)::float8 AS lines FROM {s}.event WHERE thread_id = $1::uuid AND ordinal >= 1 AND ordinal <= $2::bigint`,
  // Some lines of $2 to its fork $1, while that is one of $6 with $7 of its lines. Held so that it isn't deleted meanwhile, and can be written.
  copyStep: `WITH fork AS MATERIALIZED (
      SELECT thread_id FROM {s}.thread
      WHERE thread_id = $1::uuid AND parent_id = $6::uuid AND reference_end = $7::bigint AND state < 2 FOR KEY SHARE
    ), step AS MATERIALIZED (
      SELECT ordinal, append_id, body FROM (
        SELECT e.ordinal, e.append_id, e.body, sum(octet_length(e.body)) OVER (ORDER BY e.ordinal) - octet_length(e.body) AS before
        FROM (SELECT * FROM {s}.event WHERE thread_id = $2::uuid AND ordinal >= $3::bigint AND ordinal < $4::bigint
          AND EXISTS (SELECT FROM fork) ORDER BY ordinal LIMIT $8) e
      ) f WHERE before < $9
    ), kept AS (
      INSERT INTO {s}.event (xid, thread_id, ordinal, append_id, body)
      SELECT '0'::xid8, $1::uuid, s.ordinal + $5::bigint, s.append_id, s.body FROM step s ORDER BY s.ordinal
      ON CONFLICT (thread_id, ordinal) DO NOTHING
    )
    SELECT (max(ordinal) + 1)::float8 AS next FROM step`,
  copyLines: `INSERT INTO {s}.event (xid, thread_id, ordinal, append_id, body)
    SELECT $6::text::xid8, $1::uuid, e.ordinal + $5::bigint, e.append_id, e.body FROM {s}.event e
    WHERE e.thread_id = $2::uuid AND e.ordinal >= $3::bigint AND e.ordinal < $4::bigint ORDER BY e.ordinal
    ON CONFLICT (thread_id, ordinal) DO NOTHING`,
  standAlone: `UPDATE {s}.thread SET parent_id = NULL, reference_end = 0, depth = 0 WHERE thread_id = $1::uuid`,
  bury: `UPDATE {s}.thread SET state = 2, epoch = greatest(epoch + 1, $2::bigint), name = NULL, owner_node = NULL, owner_incarnation = NULL,
    owned_since = NULL, parent_id = NULL, reference_end = 0, depth = 0, changed_at = clock_timestamp() WHERE thread_id = $1::uuid`,
  removeLines: `DELETE FROM {s}.event WHERE thread_id = $1::uuid`,
  removeCheckpoints: `DELETE FROM {s}.feed_checkpoint WHERE thread_id = $1::uuid`,
  removeChanges: `DELETE FROM {s}.change WHERE thread_id = $1::uuid`,
  snapshot: `SELECT ${SNAPSHOT_COLUMNS}`,
  // The newest of both, one step backward in an index: asked whether there is any such, the server would look at all.
  isHeldBack: `SELECT ${newestIsHeldBack("event")} OR ${newestIsHeldBack("change")} AS is_held_back`,
  feedTexts: feedText(TEXT_OF_BODY, FEED_CONDITIONS),
  feed: feedText("g.body", FEED_CONDITIONS),
  newsTexts: feedText(TEXT_OF_BODY, NEWS_CONDITIONS),
  news: feedText("g.body", NEWS_CONDITIONS),
  // Of these threads those whose rows nobody holds, and those that have none.
  free: `SELECT w.thread_id FROM unnest($1::uuid[]) AS w(thread_id)
      WHERE NOT EXISTS (SELECT FROM {s}.thread t WHERE t.thread_id = w.thread_id)
    UNION ALL SELECT f.thread_id FROM (
      SELECT t.thread_id FROM {s}.thread t WHERE t.thread_id = ANY($1::uuid[]) FOR NO KEY UPDATE SKIP LOCKED) f`,
  put: putText(false),
  putNew: putText(true),
} as const;

/** The number of the newest transaction that a table has something of, one step backward in an index; null where it is empty. */
function newestXid(table: "event" | "change"): string {
  return `(SELECT x.xid FROM {s}.${table} x ORDER BY x.xid DESC, x.position DESC LIMIT 1)`;
}

/** Whether the newest entry of a table waits for an older transaction, and lies behind ($1 xid, $2 position). */
function newestIsHeldBack(table: "event" | "change"): string {
  return `coalesce((SELECT n.xid >= pg_snapshot_xmin(pg_current_snapshot()) AND (n.xid, n.position) > ($1::text::xid8, $2::bigint)
      FROM {s}.${table} n ORDER BY n.xid DESC, n.position DESC LIMIT 1), false)`;
}

/**
 * One put: the lines of many threads. A thread whose ordinal or epoch isn't as said is left out, whole, and is missing
 * in what comes back, which also says whether the server waits for its disk. $1 ids in order, $2 expected ordinals (0: a new thread), $3 epochs, $4 counts of lines;
 * $5 the put's id, $6..$11 the lines: thread (1-based), ordinal, offset, length, key, key's first; $12 all bodies;
 * of new threads $13 node, $14 incarnation.
 */
function putText(hasNew: boolean): string {
  const made = `, made AS (
    INSERT INTO {s}.thread AS t (thread_id, next_ordinal, epoch, owner_node, owner_incarnation, owned_since)
    SELECT w.thread_id, w.size, w.epoch, $13, $14::bigint, clock_timestamp() FROM want w WHERE w.expected = 0
    ON CONFLICT (thread_id) DO UPDATE SET next_ordinal = excluded.next_ordinal, epoch = excluded.epoch, state = 0, name = NULL,
      owner_node = excluded.owner_node, owner_incarnation = excluded.owner_incarnation, owned_since = excluded.owned_since,
      parent_id = NULL, reference_end = 0, depth = 0, created_at = excluded.created_at, changed_at = excluded.changed_at
    WHERE t.state = 2 AND t.epoch < excluded.epoch
    RETURNING t.thread_id)`;
  return `WITH want AS (
      SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[]) AS w(thread_id, expected, epoch, size)
    ), moved AS (
      UPDATE {s}.thread t SET next_ordinal = w.expected + w.size, changed_at = clock_timestamp() FROM want w
      WHERE t.thread_id = w.thread_id AND t.next_ordinal = w.expected AND t.epoch = w.epoch AND t.state < 2 AND w.expected > 0
      RETURNING t.thread_id
    )${hasNew ? made : ""}, done AS (
      SELECT thread_id FROM moved${hasNew ? " UNION ALL SELECT thread_id FROM made" : ""}
    ), kept AS (
      INSERT INTO {s}.event (thread_id, ordinal, append_id, key, key_from, body)
      SELECT d.thread_id, e.ordinal, $5::uuid, e.key, e.key_from, substring($12::bytea FROM e.at FOR e.size)
      FROM unnest($6::int[], $7::bigint[], $8::int[], $9::int[], $10::text[], $11::bigint[])
        AS e(i, ordinal, at, size, key, key_from)
      JOIN done d ON d.thread_id = ($1::uuid[])[e.i]
      ORDER BY e.i, e.ordinal
    )
    SELECT thread_id, current_setting('fsync') AS fsync, ${MARK_COLUMN} FROM done`;
}

/**
 * What happened behind ($1 xid, $2 position), in the order of both, $3 rows and $4 bytes of bodies at most, for which one
 * of the conditions holds; no two hold for one entry.
 */
function feedText(body: string, conditions: readonly string[]): string {
  const page = (condition: string): string => `WHERE ${condition} ORDER BY a.xid, a.position LIMIT $3`;
  const lines = (condition: string): string =>
    `(SELECT a.xid, a.position, a.thread_id, a.ordinal, a.append_id, octet_length(a.body) AS size, NULL::text AS kind,
          NULL::text AS name, a.body FROM {s}.event a ${page(condition)})`;
  const changes = (condition: string): string =>
    `(SELECT a.xid, a.position, a.thread_id, NULL::bigint, a.append_id, 0, a.kind, a.name, NULL::bytea
          FROM {s}.change a ${page(condition)})`;
  // The columns are qualified on purpose: ordered by a text of the number, 9 would come behind 10.
  return `SELECT g.xid::text AS xid_text, g.position::float8 AS position, g.thread_id, g.ordinal::float8 AS ordinal, g.append_id,
      g.kind, g.name, g.total::int AS total, ${body}
    FROM (
      SELECT f.*, sum(f.size) OVER (ORDER BY f.xid, f.position) - f.size AS before, count(*) OVER () AS total FROM (
        ${[...conditions.map(lines), ...conditions.map(changes)].join(" UNION ALL ")}
        ORDER BY xid, position LIMIT $3
      ) f
    ) g WHERE g.before < $4 ORDER BY g.xid, g.position`;
}

/** Names of the statements. */
export type StatementName = keyof typeof TEXTS;

/** All of them, for one schema. */
export type Statements = Readonly<Record<StatementName, Statement>>;

/** Makes the statements of a schema. */
export function statementsOf(schema: string): Statements {
  const entries = Object.entries(TEXTS).map(([name, text]) => [
    name,
    { name: `skein_${name}`, text: inSchema(text, schema) },
  ]);
  return Object.fromEntries(entries) as Statements;
}
