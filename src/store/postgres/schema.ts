/**
 * The tables of a schema. Ordinals are 0-based, as everywhere in Skein.
 *
 * `thread` has a row for each thread, also for a deleted one: its epoch goes on, so that no late writer of it is ever
 * the newest. A fork has its own lines from `reference_end + 1` on, its session_meta as ordinal 0, and in between
 * the first `reference_end` lines of `parent_id`, each one ordinal farther on.
 *
 * `event` has a row a line; `body` is the rollout line byte for byte, with its newline. `append_id` names who wrote it
 * (its first 8 bytes are the handle's) and in which put, so that a put that is made again is known. `key` is an
 * append's idempotency key as JSON, on its last line, and `key_from` the append's first ordinal.
 * `change` tells followers what adds no line; `(xid, position)` orders both (feed-reader.ts).
 */

/** Version of what DDL makes. */
export const SCHEMA_VERSION = 3;

/** Of `thread.state`. */
export const STATE = Object.freeze({ live: 0, archived: 1, deleted: 2 });

/** The statements that lead to each version, from the one before; `{s}` is the quoted schema. */
export const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE {s}.node (
      node_id text PRIMARY KEY,
      incarnation bigint NOT NULL,
      alive_until timestamptz NOT NULL,
      host text NOT NULL,
      pid integer NOT NULL,
      url text
    )`,
    `CREATE SEQUENCE {s}.feed_position`,
    `CREATE TABLE {s}.thread (
      thread_id uuid PRIMARY KEY,
      next_ordinal bigint NOT NULL,
      epoch bigint NOT NULL,
      state smallint NOT NULL DEFAULT 0,
      name text,
      owner_node text,
      owner_incarnation bigint,
      owned_since timestamptz,
      parent_id uuid,
      reference_end bigint NOT NULL DEFAULT 0,
      depth smallint NOT NULL DEFAULT 0,
      created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
    ) WITH (fillfactor = 70)`,
    `CREATE INDEX thread_parent ON {s}.thread (parent_id) WHERE parent_id IS NOT NULL`,
    `CREATE TABLE {s}.event (
      xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
      position bigint NOT NULL DEFAULT nextval('{s}.feed_position'),
      ordinal bigint NOT NULL,
      key_from bigint,
      thread_id uuid NOT NULL,
      append_id uuid NOT NULL,
      key text,
      body bytea NOT NULL,
      PRIMARY KEY (thread_id, ordinal)
    )`,
    `CREATE INDEX event_feed ON {s}.event (xid, position)`,
    `CREATE INDEX event_key ON {s}.event (thread_id, ordinal) WHERE key IS NOT NULL`,
    `CREATE TABLE {s}.change (
      xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
      position bigint NOT NULL DEFAULT nextval('{s}.feed_position'),
      thread_id uuid NOT NULL,
      kind text NOT NULL,
      name text,
      append_id uuid NOT NULL,
      PRIMARY KEY (xid, position)
    )`,
    `CREATE INDEX change_thread ON {s}.change (thread_id)`,
  ],
  // Where consumers of the threads' events are (feed-checkpoints.ts).
  [
    `CREATE TABLE {s}.feed_checkpoint (
      thread_id uuid NOT NULL,
      name text NOT NULL,
      next_ordinal bigint NOT NULL,
      changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
      PRIMARY KEY (thread_id, name)
    )`,
  ],
  // Which put wrote the record before `next_ordinal`; a program of before moves `next_ordinal` alone.
  [`ALTER TABLE {s}.feed_checkpoint ADD COLUMN append_id uuid, ADD COLUMN append_before bigint`],
];

/** A statement's text with the schema in it. */
export function inSchema(text: string, schema: string): string {
  return text.replaceAll("{s}", `"${schema}"`);
}
