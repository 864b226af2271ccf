/**
 * What a store under test says of itself. Each claim switches laws on; what isn't claimed is not checked, and
 * the report says so: a store that claims little and keeps it is a good store, one that is silent about it isn't.
 *
 * Claims come from three places, the later ones win: what every store of the port can do, what the handle's
 * `capabilities` and the place's own methods say, and what the author of the adapter passes.
 */
import type { Durability, ThreadStore } from "../store/index.ts";
import type { StorePlace } from "./store-place.ts";

/** What a store claims. */
export interface StoreClaims {
  /** The strongest durability an append is acknowledged with. Default: the handle's. */
  readonly durability: Durability;
  /**
   * How forks are made. `copy` (default): a source can be deleted at any time, its forks don't notice. `reference`:
   * a source with forks may refuse to be deleted; where it doesn't, its forks go on all the same. `none`: no forks.
   */
  readonly fork: "copy" | "reference" | "none";
  /** searchThreads answers. Default: the handle's. */
  readonly search: boolean;
  /** listItems answers. Default true. */
  readonly itemLists: boolean;
  /** Threads have rollout paths, and are read by them. Default: the handle's. */
  readonly paths: boolean;
  /** Threads outlive the handle. Default: the handle's. */
  readonly reopen: boolean;
  /** Threads can be archived and unarchived. Default true. */
  readonly archive: boolean;
  /** Threads can be deleted. Default true. */
  readonly delete: boolean;
  /** Handles keep the time of the `clock` they are opened with. Default true. */
  readonly clock: boolean;
  /** Two handles may be open on a place at a time, and a thread has one writer among them. Default false. */
  readonly multiProcess: boolean;
  /** What was acknowledged outlives a killed process. Default: the place can `kill`. */
  readonly crash: boolean;
  /** What was acknowledged as `fsync` outlives a power cut. Default: the place can `cutPower`. */
  readonly powerCut: boolean;
  /** Damaged logs are told, and harm no other thread. Default: the place can `corrupt`. */
  readonly damage: boolean;
}

/** A claim that switches laws on. `forkByCopy`: `fork` is `copy`. */
export type StoreNeed = Exclude<keyof StoreClaims, "durability"> | "forkByCopy";

/** Every need, and what a store that lacks it lacks. */
export const NEED_TEXTS: Readonly<Record<StoreNeed, string>> = Object.freeze({
  fork: "forks",
  forkByCopy: "forks that are copies",
  search: "search",
  itemLists: "lists of items",
  paths: "rollout paths",
  reopen: "threads that outlive the handle",
  archive: "archiving",
  delete: "deleting",
  clock: "clocks that are handed to it",
  multiProcess: "two handles on one place",
  crash: "ways to kill a handle",
  powerCut: "ways to cut the power",
  damage: "ways to damage what is stored",
});

/** Why a law says nothing of a store: "it has no search", "it has search". */
export function whyNotChecked(missing: readonly StoreNeed[], beyond: readonly StoreNeed[]): string {
  const texts = (needs: readonly StoreNeed[]): readonly string[] => needs.map((need) => NEED_TEXTS[need]);
  return `it has ${[...texts(missing).map((text) => `no ${text}`), ...texts(beyond)].join(", ")}`;
}

/** The claims of a store: what its handle and its place say, and what its author passes. */
export function claimsOf(store: ThreadStore, place: StorePlace, passed: Partial<StoreClaims> = {}): StoreClaims {
  const { durability, search, paths, reopen } = store.capabilities;
  return Object.freeze({
    durability,
    fork: "copy",
    search,
    itemLists: true,
    paths,
    reopen,
    archive: true,
    delete: true,
    clock: true,
    multiProcess: false,
    crash: place.kill !== undefined,
    powerCut: place.cutPower !== undefined,
    damage: place.corrupt !== undefined,
    ...Object.fromEntries(Object.entries(passed).filter(([, value]) => value !== undefined)),
  });
}

/** Whether a store with these claims takes a call of this kind; kinds that every store takes are claimed by all. */
export function takesCall(claims: StoreClaims, kind: string): boolean {
  if (kind === "archive" || kind === "unarchive") return claims.archive;
  if (kind === "delete") return claims.delete;
  return kind !== "fork" || claims.fork !== "none";
}

/** Whether a store with these claims has what a law needs. */
export function meetsNeed(claims: StoreClaims, need: StoreNeed): boolean {
  if (need === "forkByCopy") return claims.fork === "copy";
  if (need === "fork") return claims.fork !== "none";
  return claims[need];
}
