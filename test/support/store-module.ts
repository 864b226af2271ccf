/**
 * A module that exports stores of many kinds, for tests of `skein check-store`: as an author would have it, in
 * JavaScript, with the memory store of the sources in it.
 */
import { join } from "node:path";

import { projectRoot } from "../../scripts/source-files.ts";

/** A store that keeps the laws, one whose refused appends are written, and exports that are no stores. */
export const STORE_MODULE = `
import { createMemoryThreadStore } from ${JSON.stringify(join(projectRoot, "src/index.ts"))};

const placeOf = (change) => async () => ({
  place: "memory",
  open: async ({ clock } = {}) => change(createMemoryThreadStore(clock === undefined ? {} : { clock })),
  dispose: async () => {},
});
export const fixture = placeOf((store) => store);
export const broken = {
  name: "half-batches",
  fixture: placeOf((store) => new Proxy(store, {
    get: (_, name) => {
      const member = Reflect.get(store, name);
      if (name !== "appendItems") return typeof member === "function" ? member.bind(store) : member;
      return async (params) => {
        try {
          return await store.appendItems(params);
        } catch (error) {
          await store.appendItems({ ...params, items: params.items.slice(0, 1) }).catch(() => {});
          throw error;
        }
      };
    },
  })),
  capabilities: { search: false },
};
export const made = () => ({ name: "made", fixture });
export const number = 5;
export const nowhere = async () => { throw new Error("no database at all"); };
export const closed = async () => ({ open: async () => { throw new Error("not today"); }, dispose: async () => {} });
export const strange = async () => ({ open: async () => ({}), dispose: async () => {} });
`;
