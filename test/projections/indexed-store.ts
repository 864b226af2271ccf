/**
 * A local store with a state DB of its own, opened and closed as one: what the store's laws take for a
 * handle. Its workers fold in this thread, so that a law needs no thread's start.
 */
import { createInlinePool, openStateDbWith, type StateDb, type StateDbOptions } from "../../src/projections/index.ts";
import {
  type LocalThreadStore,
  type LocalThreadStoreOptions,
  openLocalThreadStore,
} from "../../src/store/local/index.ts";

export interface IndexedStore {
  readonly store: LocalThreadStore;
  readonly stateDb: StateDb;
}

/** Opens both. The store's `close` closes the state DB behind it. */
export async function openIndexedStore(
  options: Omit<LocalThreadStoreOptions, "stateDb"> & Pick<StateDbOptions, "leaseTtlMs">,
): Promise<IndexedStore> {
  const { leaseTtlMs, ...own } = options;
  const { home, clock, logger } = own;
  const stateDb = await openStateDbWith(
    {
      home,
      ...(clock === undefined ? {} : { clock }),
      ...(logger === undefined ? {} : { logger }),
      ...(leaseTtlMs === undefined ? {} : { leaseTtlMs }),
    },
    createInlinePool(),
  );
  const store = await openLocalThreadStore({ ...own, stateDb });
  const closed = new Proxy(store, {
    get(target, name) {
      if (name === "close") {
        return async () => {
          await target.close();
          await stateDb.close();
        };
      }
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value as (...values: unknown[]) => unknown).bind(target) : value;
    },
  });
  return { store: closed, stateDb };
}
