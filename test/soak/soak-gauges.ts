/**
 * What a soak measures: memory after the collector ran, and counts of all that can be left open. Counting is done
 * from outside, by a clock that knows its timers and a store that knows its listeners, and by what the system says
 * of the process. Nothing here knows how the product is made.
 */
import { getEventListeners } from "node:events";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { type Clock, systemClock, systemCode } from "../../src/base/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";

/** One look. Sizes are MiB, memory as it is after a collection. */
export interface Gauges {
  readonly heapMb: number;
  readonly rssMb: number;
  readonly externalMb: number;
  /** Open descriptors; null where the system doesn't say. */
  readonly descriptors: number | null;
  /** What they lead to, by kind: the home's files, pipes, sockets and the like. */
  readonly leadingTo: Readonly<Record<string, number>>;
  /** Threads that are loaded. */
  readonly loaded: number;
  /** Handles of threads that the collector could not take: those of loaded threads, and leaks. */
  readonly handles: number;
  /** Listeners of the store. */
  readonly storeListeners: number;
  /** Timers of the product that wait. */
  readonly timers: number;
  /** Listeners of the abort signal that many feeds share. */
  readonly signalListeners: number;
  /** Listeners of the process itself. */
  readonly processListeners: number;
  /** What Node says keeps the process busy: timers, workers' ports, requests of the file system. */
  readonly resources: number;
  /** The write-ahead log of the state DB. */
  readonly walMb: number;
}

/** A clock that knows how many of its timers wait. */
export interface CountingClock extends Clock {
  readonly waiting: number;
}

/** The machine's clock, counted. */
export function createCountingClock(): CountingClock {
  let waiting = 0;
  return {
    nowMs: () => systemClock.nowMs(),
    monotonicMs: () => systemClock.monotonicMs(),
    setTimer(delayMs, run, options) {
      let isWaiting = true;
      waiting += 1;
      const end = (): void => {
        if (isWaiting) waiting -= 1;
        isWaiting = false;
      };
      const elapsed = (): void => {
        end();
        run();
      };
      const timer = systemClock.setTimer(delayMs, elapsed, options);
      const cancel = (): void => {
        end();
        timer.cancel();
      };
      return { cancel };
    },
    get waiting() {
      return waiting;
    },
  };
}

/** The same store, and how many listen to it. */
export function countListeners(store: ThreadStore): { readonly store: ThreadStore; readonly count: () => number } {
  let listeners = 0;
  const subscribe: ThreadStore["subscribe"] = (listener) => {
    const unsubscribe = store.subscribe(listener);
    let isListening = true;
    listeners += 1;
    return () => {
      if (isListening) listeners -= 1;
      isListening = false;
      unsubscribe();
    };
  };
  const counted = new Proxy(store, {
    get(target, member) {
      if (member === "subscribe") return subscribe;
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return { store: counted, count: () => listeners };
}

/** Things that should be collected once nobody uses them. */
export class Collectables {
  readonly #known = new WeakSet<object>();
  #refs: WeakRef<object>[] = [];

  track(thing: object): void {
    if (this.#known.has(thing)) return;
    this.#known.add(thing);
    this.#refs.push(new WeakRef(thing));
  }

  /** How many are still there; call it after a collection. */
  alive(): number {
    this.#refs = this.#refs.filter((ref) => ref.deref() !== undefined);
    return this.#refs.length;
  }
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Collects all that can be: what ended in this turn of the loop only lets go in the next. */
export async function collectGarbage(): Promise<void> {
  for (let n = 0; n < 3; n += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    collect();
  }
}

/** What is counted beside the process itself. */
export interface GaugeSources {
  readonly home: string;
  readonly clock: CountingClock;
  readonly handles: Collectables;
  readonly signal: AbortSignal;
  loaded(): number;
  storeListeners(): number;
}

const MIB = 1024 * 1024;

/** Collects, and looks. */
export async function readGauges(sources: GaugeSources): Promise<Gauges> {
  await collectGarbage();
  const { heapUsed, rss, external } = process.memoryUsage();
  return {
    heapMb: heapUsed / MIB,
    rssMb: rss / MIB,
    externalMb: external / MIB,
    ...openDescriptors(sources.home),
    loaded: sources.loaded(),
    handles: sources.handles.alive(),
    storeListeners: sources.storeListeners(),
    timers: sources.clock.waiting,
    signalListeners: getEventListeners(sources.signal, "abort").length,
    processListeners: process.eventNames().reduce((sum, name) => sum + process.listenerCount(name), 0),
    resources: process.getActiveResourcesInfo().length,
    walMb: (statSync(`${sources.home}/skein.sqlite-wal`, { throwIfNoEntry: false })?.size ?? 0) / MIB,
  };
}

function openDescriptors(home: string): Pick<Gauges, "descriptors" | "leadingTo"> {
  if (process.platform !== "linux") return { descriptors: null, leadingTo: {} };
  const leadingTo: Record<string, number> = {};
  for (const name of readdirSync(FOLDER)) {
    const kind = kindOf(`${FOLDER}/${name}`, home);
    if (kind !== undefined) leadingTo[kind] = (leadingTo[kind] ?? 0) + 1;
  }
  return { descriptors: Object.values(leadingTo).reduce((sum, count) => sum + count, 0), leadingTo };
}

const FOLDER = "/proc/self/fd";

/** Undefined for the descriptor that reads the folder: it is closed by now. */
function kindOf(link: string, home: string): string | undefined {
  try {
    const target = readlinkSync(link);
    if (!target.startsWith(home)) return target.replaceAll(/\d+/g, "N");
    return target.endsWith(".jsonl") ? "a rollout" : target.slice(home.length + 1);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
