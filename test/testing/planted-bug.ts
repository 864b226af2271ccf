/**
 * How bugs are planted: methods of a store that keeps all laws are replaced by ones that go wrong. The store
 * is the memory store, made to outlive its handles, so that laws about reopening can be broken too.
 */
import { fault } from "../../src/base/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import type { OpenedThread, ThreadStore, ThreadWriter } from "../../src/store/index.ts";
import type { StoreClaims, StoreFixture } from "../../src/testing/index.ts";

/** One bug. */
export interface PlantedBug {
  readonly name: string;
  /** Laws that must fail. */
  readonly caughtBy: readonly string[];
  /** What the store with the bug claims, beyond or less than what its handle says. */
  readonly claims?: Partial<StoreClaims>;
  /** Whose stores go wrong. Default: memory. */
  readonly base?: StoreFixture;
  /** The methods that go wrong, over a store that doesn't. `isReopened`: not the place's first handle. */
  plant(store: ThreadStore, isReopened: boolean): Partial<ThreadStore>;
}

/** A fixture whose stores have the bug; without one it keeps all laws. */
export function fixtureWithBug(bug?: PlantedBug): StoreFixture {
  if (bug?.base !== undefined) return breaking(bug.base, bug);
  return async () => {
    let memory: ThreadStore | undefined;
    return {
      place: "memory",
      open: async (options = {}) => {
        const isReopened = memory !== undefined;
        memory ??= createMemoryThreadStore(options);
        const handle = handleOn(memory);
        return overriding(handle, bug?.plant(handle, isReopened) ?? {});
      },
      dispose: async () => {},
    };
  };
}

/** The fixture with its handles broken. */
function breaking(base: StoreFixture, bug: PlantedBug): StoreFixture {
  return async () => {
    const place = await base();
    const sound = new Map<ThreadStore, ThreadStore>();
    return {
      ...place,
      open: async (options) => {
        const store = await place.open(options);
        const broken = overriding(store, bug.plant(store, sound.size > 0));
        sound.set(broken, store);
        return broken;
      },
      ...(place.kill === undefined ? {} : { kill: async (handle) => place.kill?.(sound.get(handle) ?? handle) }),
    };
  };
}

/** A handle on a store that stays when the handle is closed. */
function handleOn(memory: ThreadStore): ThreadStore {
  const writers: ThreadWriter[] = [];
  const leave: (() => void)[] = [];
  let isClosed = false;
  const keep = (opened: OpenedThread): OpenedThread => {
    writers.push(opened.writer);
    return opened;
  };
  const handle = overriding(memory, {
    capabilities: { ...memory.capabilities, reopen: true },
    createThread: async (params) => keep(await memory.createThread(params)),
    resumeThread: async (params) => keep(await memory.resumeThread(params)),
    subscribe: (listener) => {
      const unsubscribe = memory.subscribe(listener);
      leave.push(unsubscribe);
      return unsubscribe;
    },
    close: async () => {
      isClosed = true;
      for (const unsubscribe of leave) unsubscribe();
      for (const writer of writers) await memory.shutdownThread(writer);
    },
  });
  const always: ReadonlySet<PropertyKey> = new Set(["close", "discardThread", "shutdownThread"]);
  return new Proxy(handle, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (!isClosed || typeof value !== "function" || always.has(name)) return value;
      return () => Promise.reject(fault("runtime_closed", "the store is closed"));
    },
  });
}

/** The store with some of its methods replaced. */
function overriding(store: ThreadStore, methods: Partial<ThreadStore>): ThreadStore {
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** Lets everything else that can run, run. */
export function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
