/**
 * The statements about checkpoints of feeds. Each finds the record before a position where it stands: a fork's may be
 * in the rows of a source, each step of the way one ordinal back. A statement sees one state of the database, so a
 * source that gives its lines to its forks meanwhile has them, or they do.
 */
import type { Statement } from "./postgres-database.ts";
import { inSchema, STATE } from "./schema.ts";

/** The statements, each prepared under a name. */
export interface CheckpointStatements {
  readonly read: Statement;
  /**
   * Answers the position that is kept, and whether the server waits for the disk with it; no row where the log doesn't reach this one, or the line before it neither
   * begins with $4 nor is of the put $5 (both null: whatever the log has).
   */
  readonly save: Statement;
  /** The line before a position. */
  readonly before: Statement;
  readonly lock: Statement;
  readonly remove: Statement;
  readonly removeThread: Statement;
  readonly thread: Statement;
}

/** From a thread's own rows (`begin`) to those that the ordinal stands in. */
const way = (begin: string): string => `way AS (
    ${begin}
    UNION ALL
    SELECT p.thread_id, w.ordinal - 1, p.parent_id, p.reference_end
    FROM way w JOIN {s}.thread p ON p.thread_id = w.parent_id WHERE w.ordinal BETWEEN 1 AND w.reference_end
  ), found AS (
    SELECT e.append_id, e.body FROM way w JOIN {s}.event e ON e.thread_id = w.thread_id AND e.ordinal = w.ordinal
    WHERE NOT w.ordinal BETWEEN 1 AND w.reference_end
  )`;

const TEXTS: Readonly<Record<keyof CheckpointStatements, string>> = {
  read: `WITH RECURSIVE kept AS (
      SELECT c.thread_id, c.next_ordinal, CASE WHEN c.append_before = c.next_ordinal THEN c.append_id END AS append_id
      FROM {s}.feed_checkpoint c WHERE c.thread_id = $1::uuid AND c.name = $2
    ), ${way(`SELECT t.thread_id, k.next_ordinal - 1 AS ordinal, t.parent_id, t.reference_end
      FROM kept k JOIN {s}.thread t ON t.thread_id = k.thread_id`)}
    SELECT k.next_ordinal::float8 AS ordinal, k.append_id AS kept_id, (SELECT f.append_id FROM found f) AS found_id,
      coalesce(t.next_ordinal, 0)::float8 AS log_end
    FROM kept k LEFT JOIN {s}.thread t ON t.thread_id = k.thread_id WHERE t.state IS DISTINCT FROM ${STATE.deleted}`,
  save: `WITH RECURSIVE ${way(`SELECT t.thread_id, $3::bigint - 1 AS ordinal, t.parent_id, t.reference_end
      FROM {s}.thread t WHERE t.thread_id = $1::uuid AND t.state <> ${STATE.deleted}`)}
    INSERT INTO {s}.feed_checkpoint AS c (thread_id, name, next_ordinal, append_id, append_before)
    SELECT $1::uuid, $2, $3::bigint, m.append_id, $3::bigint
    FROM (
      SELECT f.append_id FROM found f
      WHERE $4::bytea IS NULL OR substring(f.body FOR octet_length($4::bytea)) = $4::bytea OR f.append_id = $5::uuid
      UNION ALL SELECT NULL WHERE $3::bigint = 0
    ) m
    ON CONFLICT (thread_id, name) DO UPDATE SET
      next_ordinal = greatest(c.next_ordinal, excluded.next_ordinal),
      append_id = CASE WHEN excluded.next_ordinal < c.next_ordinal THEN c.append_id ELSE excluded.append_id END,
      append_before = CASE WHEN excluded.next_ordinal < c.next_ordinal THEN c.append_before ELSE excluded.append_before END,
      changed_at = clock_timestamp()
    RETURNING c.next_ordinal::float8 AS ordinal, current_setting('fsync') = 'on' AS is_fsync`,
  before: `WITH RECURSIVE ${way(`SELECT t.thread_id, $2::bigint - 1 AS ordinal, t.parent_id, t.reference_end
      FROM {s}.thread t WHERE t.thread_id = $1::uuid AND t.state <> ${STATE.deleted}`)}
    SELECT f.append_id, f.body FROM found f`,
  lock: `SELECT FROM {s}.feed_checkpoint WHERE thread_id = $1::uuid AND name = $2 FOR UPDATE`,
  remove: `DELETE FROM {s}.feed_checkpoint WHERE thread_id = $1::uuid AND name = $2`,
  removeThread: `DELETE FROM {s}.feed_checkpoint WHERE thread_id = $1::uuid`,
  thread: `SELECT state, next_ordinal::float8 AS log_end FROM {s}.thread WHERE thread_id = $1::uuid`,
};

/** The statements for a schema. */
export function checkpointStatements(schema: string): CheckpointStatements {
  const of = (name: keyof CheckpointStatements): Statement => ({
    text: inSchema(TEXTS[name], schema),
    name: `skein_checkpoint_${name}`,
  });
  return {
    read: of("read"),
    save: of("save"),
    before: of("before"),
    lock: of("lock"),
    remove: of("remove"),
    removeThread: of("removeThread"),
    thread: of("thread"),
  };
}
