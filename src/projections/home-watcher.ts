/**
 * The watcher as a port: which files of a home may have changed since it was last asked. With one, a list
 * looks at those files instead of at all 20,000; without one, or when it has lost count, at all.
 *
 * It promises no gap: what another process did before `changes` was called is in the answer, or the answer
 * is that anything may have changed.
 */

/** Tells what may have changed. */
export interface HomeWatcher {
  /** Absolute paths of files and folders below the home's rollout folders; null: anything may have changed. */
  changes(): Promise<readonly string[] | null>;
  close(): Promise<void>;
}

/** Begins to watch a home; undefined where that can't be done without gaps. */
export type StartHomeWatcher = (home: string) => Promise<HomeWatcher | undefined>;
