/**
 * Where a store under test keeps its threads, and how the kit gets at it. A *fixture* makes places; a *place* is
 * one isolated spot (a folder, a schema, a service's namespace); a *handle* is one connection to it, as a process
 * has one: a ThreadStore. So that a law can say "reopened", "two handles" and "killed".
 *
 * A law closes the handles it opened and disposes of its place, whatever happens. What a place can't do it leaves
 * out; laws that need it are then not checked, and the report says so.
 */
import type { Clock } from "../base/index.ts";
import type { ThreadStore } from "../store/index.ts";

/** What a law may ask of the handle it gets. A store that keeps time elsewhere doesn't claim `clock`. */
export interface StoreOpenOptions {
  /** Wall time and timers of the store. Default: the adapter's own. */
  readonly clock?: Clock;
}

/** Damage to what is stored of one thread. Fractions count from the log's beginning (0) to its end (1). */
export type StoreDamage =
  /** The last record loses its last bytes, as when a crash tore its write: at least one, never the whole record. */
  | { readonly kind: "torn"; readonly fraction: number }
  /** One bit is turned over, somewhere behind the first record. */
  | { readonly kind: "flipped-bit"; readonly fraction: number }
  /** Bytes that are no record stand between two records. */
  | { readonly kind: "garbage"; readonly fraction: number };

/** One isolated place that a store keeps threads in. */
export interface StorePlace {
  /** Where it is, for whoever looks into a failure: a path, a URL, "memory". */
  readonly place: string;
  /** A handle to the place. After `close()` of the handle before, it shows what is there. */
  open(options?: StoreOpenOptions): Promise<ThreadStore>;
  /** Closes a handle in order and opens another. Only for a place that must do more than that between the two. */
  reopen?(handle: ThreadStore, options?: StoreOpenOptions): Promise<ThreadStore>;
  /**
   * Ends a handle as SIGKILL ends a process: at once, in whatever it is doing, without a close. Calls in flight may
   * never settle. What it had acknowledged as `os` or `fsync` must be there for the next handle.
   */
  kill?(handle: ThreadStore): Promise<void>;
  /** Ends all handles as a power cut does: what was not made durable may be gone. */
  cutPower?(): Promise<void>;
  /** Damages what is stored of a thread. No handle is open meanwhile. */
  corrupt?(threadId: string, damage: StoreDamage): Promise<void>;
  /** Removes the place and all in it. Its handles are closed or dead. */
  dispose(): Promise<void>;
}

/** Makes a new, empty place. */
export type StoreFixture = () => Promise<StorePlace>;
