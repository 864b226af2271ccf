/**
 * Watches the rollout folders of a home with the kernel's own notices (Linux inotify), one watch a folder,
 * in an event loop of its own. The kernel queues a notice before the call that caused it returns, so after
 * one whole turn of the loop every notice of what was done before has been taken.
 *
 * 1. A folder is watched before it is listed: what appears in between is noticed or listed.
 * 2. The kernel drops notices when its queue is full and does not say so here. A burst that long counts as lost.
 * 3. What can't be watched is told as "anything may have changed", for good.
 */
import { type FSWatcher, readdirSync, statSync, watch } from "node:fs";
import { join } from "node:path";

/** Notices in one turn of the loop past which some may have been dropped: half of what the kernel keeps by default. */
const BURST_MAX = 8_192;
/** Paths that are remembered; past it a look at everything costs less. */
const CHANGED_MAX = 4_096;
const DEPTH_MAX = 8;

const ROLLOUT_FOLDERS = ["sessions", "archived_sessions"] as const;

export class FolderWatch {
  readonly #home: string;
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #changed = new Set<string>();
  /** Which folder each rollout folder was; undefined where there was none. */
  readonly #roots = new Map<string, bigint | undefined>();
  #burst = 0;
  #isBurstCounted = false;
  /** Anything may have changed. */
  #isLost = false;
  /** Some folder can't be watched: `#isLost` stays. */
  #isBroken = false;

  constructor(home: string) {
    this.#home = home;
    this.#watchRoots();
  }

  /** Whether every folder is watched. */
  get isSound(): boolean {
    return !this.#isBroken;
  }

  /** Takes what changed since the last call; null: anything may have. */
  async take(): Promise<readonly string[] | null> {
    this.#watchRoots();
    await nextTurn();
    await nextTurn();
    const changed = [...this.#changed];
    const isLost = this.#isLost;
    this.#changed.clear();
    this.#isLost = this.#isBroken;
    return isLost ? null : changed;
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }

  /** A rollout folder that isn't there has nothing in it; whether it was made meanwhile is looked at each time. */
  #watchRoots(): void {
    for (const name of ROLLOUT_FOLDERS) {
      const folder = join(this.#home, name);
      const inode = statSync(folder, { bigint: true, throwIfNoEntry: false })?.ino;
      // Nobody watches the home itself: that a folder was moved away, or replaced, is only seen here.
      if (this.#roots.get(name) !== inode) this.#forget(folder);
      this.#roots.set(name, inode);
      if (inode !== undefined) this.#watchFolder(folder, 0);
    }
  }

  /** Watches a folder and those below it. */
  #watchFolder(folder: string, depth: number): void {
    if (depth > DEPTH_MAX || this.#watchers.has(folder)) return;
    try {
      const watcher = watch(folder, { persistent: true }, (_event, name) => this.#notice(folder, name, depth));
      watcher.on("error", () => this.#forget(folder));
      this.#watchers.set(folder, watcher);
    } catch (error) {
      if (!isGone(error)) this.#isBroken = true;
      this.#isLost = true;
      return;
    }
    this.#list(folder, depth);
  }

  /** Folders below are watched; files that are there count as changed, as nobody has looked at them here. */
  #list(folder: string, depth: number): void {
    try {
      for (const entry of readdirSync(folder, { withFileTypes: true })) {
        const path = join(folder, entry.name);
        if (entry.isDirectory()) this.#watchFolder(path, depth + 1);
        else if (entry.isFile()) this.#note(path);
      }
    } catch (error) {
      if (!isGone(error)) this.#isBroken = true;
      this.#isLost = true;
    }
  }

  #notice(folder: string, name: string | null, depth: number): void {
    this.#count();
    if (name === null) {
      this.#isLost = true;
      return;
    }
    const path = join(folder, name);
    // A name that comes or goes may be a folder's: one that is new is watched, one that is gone is let go.
    if (!name.endsWith(".jsonl")) this.#lookAtFolder(path, depth + 1);
    this.#note(path);
  }

  #lookAtFolder(path: string, depth: number): void {
    try {
      readdirSync(path);
    } catch {
      // No folder, or none any more: its own notices have told what was in it.
      this.#forget(path);
      return;
    }
    // One that was moved away and another put in its place has the same path: begin anew.
    this.#forget(path);
    this.#watchFolder(path, depth);
  }

  #forget(folder: string): void {
    for (const [path, watcher] of this.#watchers) {
      if (path !== folder && !path.startsWith(`${folder}/`)) continue;
      watcher.close();
      this.#watchers.delete(path);
      // What was below may be anywhere now.
      this.#isLost = true;
    }
  }

  #note(path: string): void {
    if (this.#changed.size >= CHANGED_MAX) this.#isLost = true;
    else this.#changed.add(path);
  }

  #count(): void {
    this.#burst += 1;
    if (this.#burst >= BURST_MAX) this.#isLost = true;
    if (this.#isBurstCounted) return;
    this.#isBurstCounted = true;
    setImmediate(() => {
      this.#burst = 0;
      this.#isBurstCounted = false;
    });
  }
}

function isGone(error: unknown): boolean {
  return typeof error === "object" && error !== null && (error as { code?: unknown }).code === "ENOENT";
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
