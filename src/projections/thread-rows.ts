/**
 * The list of threads: one row an id, from the rollout that the lookup by files would take, joined with
 * the name index. Called inside the caller's transaction, after any change of a thread's rollouts or name.
 *
 * Where logs have no files (`paths` is null) a thread has one rollout: the one at the path that is its id.
 */
import type { ThreadMetadata } from "../events/index.ts";
import { sourceWord, storedThreadFrom, type StoredThread } from "../store/index.ts";
import { comparePlaces, type HomePaths, type PlacedRollout, withFileTimes } from "../store/local/index.ts";
import type { RolloutRow, RolloutStore } from "./rollout-store.ts";
import type { SetStatements } from "./set-statements.ts";

export class ThreadRows {
  readonly #sql: SetStatements;
  readonly #rollouts: RolloutStore;
  readonly #paths: HomePaths | null;

  constructor(sql: SetStatements, rollouts: RolloutStore, paths: HomePaths | null) {
    this.#sql = sql;
    this.#rollouts = rollouts;
    this.#paths = paths;
  }

  /** The rollout that a thread is read from. */
  rolloutOf(threadId: string): RolloutRow | undefined {
    const row = this.#sql.get<{ rollout_id: number }>("SELECT rollout_id FROM threads_# WHERE thread_id = ?", threadId);
    return row === undefined ? undefined : this.#rollouts.byId(row.rollout_id);
  }

  /** Makes the thread's row what its rollouts and its name say; without a rollout there is none. */
  refresh(threadId: string): void {
    const rollout = this.#chosen(threadId);
    if (rollout === undefined) this.#sql.run("DELETE FROM threads_# WHERE thread_id = ?", threadId);
    else this.#write(threadId, rollout);
  }

  #chosen(threadId: string): RolloutRow | undefined {
    const paths = this.#paths;
    const rollouts = this.#rollouts.ofThread(threadId);
    if (paths === null) return rollouts.find(({ path }) => path.toLowerCase() === threadId);
    const [first] = rollouts.map((rollout) => placed(rollout, paths)).toSorted((a, b) => comparePlaces(a, b, paths));
    return first?.rollout;
  }

  /** The same where only the times of its log have moved on. */
  touch(threadId: string, rolloutId: number, times: Pick<ThreadMetadata, "updatedAtMs" | "recencyAtMs">): void {
    this.#sql.run(
      "UPDATE threads_# SET updated_at_ms = ?, recency_at_ms = ? WHERE thread_id = ? AND rollout_id = ?",
      times.updatedAtMs,
      times.recencyAtMs,
      threadId,
      rolloutId,
    );
  }

  /** The thread as stored. */
  storedOf(rollout: RolloutRow): StoredThread {
    const metadata = metadataOf(rollout, this.#paths);
    const name = this.#nameOf(metadata.id.toLowerCase());
    const path = this.#paths === null ? null : absolute(this.#paths, rollout.path);
    return storedThreadFrom({ metadata, path, archived: rollout.archived, name });
  }

  /** What the name index says of each thread is now this; answers whose name changed. */
  setNames(names: ReadonlyMap<string, string | null>): readonly string[] {
    const changed: string[] = [];
    for (const [threadId, name] of names) {
      const changes = this.#sql.run(
        "INSERT INTO names_# VALUES (?, ?) ON CONFLICT (thread_id) DO UPDATE SET name = excluded.name WHERE name IS NOT excluded.name",
        threadId,
        name,
      );
      if (changes > 0) changed.push(threadId);
    }
    return changed;
  }

  /** Forgets the names that the index does not have any more; answers whose. */
  keepNames(names: ReadonlyMap<string, string | null>): readonly string[] {
    const known = this.#sql.all<{ thread_id: string }>("SELECT thread_id FROM names_#");
    const gone = known.map((row) => row.thread_id).filter((threadId) => !names.has(threadId));
    for (const threadId of gone) this.#sql.run("DELETE FROM names_# WHERE thread_id = ?", threadId);
    return gone;
  }

  /** Nothing is said of this thread's name any more: its log's own word counts. True where something was. */
  forgetName(threadId: string): boolean {
    return this.#sql.run("DELETE FROM names_# WHERE thread_id = ?", threadId) > 0;
  }

  #nameOf(threadId: string): string | null | undefined {
    return this.#sql.get<{ name: string | null }>("SELECT name FROM names_# WHERE thread_id = ?", threadId)?.name;
  }

  #write(threadId: string, rollout: RolloutRow): void {
    const thread = this.storedOf(rollout);
    this.#sql.run(
      `INSERT OR REPLACE INTO threads_# (thread_id, rollout_id, archived, created_at_ms, updated_at_ms, recency_at_ms,
         cwd, model_provider, source, parent_thread_id, forked_from_id, is_review, preview_key, name, name_key)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      threadId,
      rollout.id,
      thread.archived ? 1 : 0,
      thread.createdAtMs,
      thread.updatedAtMs,
      thread.recencyAtMs,
      thread.cwd,
      thread.modelProvider,
      sourceWord(thread.source),
      thread.parentThreadId,
      thread.forkedFromId,
      isReview(thread) ? 1 : 0,
      thread.preview.toLowerCase(),
      thread.name,
      thread.name?.toLowerCase() ?? null,
    );
  }
}

function placed(rollout: RolloutRow, paths: HomePaths): PlacedRollout & { readonly rollout: RolloutRow } {
  const name = rollout.path.slice(rollout.path.lastIndexOf("/") + 1);
  const entry = { path: absolute(paths, rollout.path), name, archived: rollout.archived };
  return { rollout, entry, size: rollout.size, metadata: { id: rollout.threadId ?? "" } };
}

/** What the log says, with the file's times where it says none and there is one. */
function metadataOf(rollout: RolloutRow, paths: HomePaths | null): ThreadMetadata {
  const { metadata } = rollout.state;
  if (paths === null) return metadata;
  const modifiedNs = BigInt(rollout.modifiedNs ?? "");
  return withFileTimes(metadata, { path: absolute(paths, rollout.path), stat: { modifiedNs } });
}

/** Whether the log says when its thread was made; else the file's times are shown, and may change without it. */
export function hasOwnTimes({ state }: RolloutRow): boolean {
  return state.metadata.createdAtMs > 0;
}

/** A path of a row, absolute. */
export function absolute(paths: HomePaths, path: string): string {
  return `${paths.home}/${path}`;
}

function isReview({ source }: StoredThread): boolean {
  return typeof source === "object" && source["subagent"] === "review";
}
