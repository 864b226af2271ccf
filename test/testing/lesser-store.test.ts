/**
 * A store that claims less than others is a good store when it keeps what it claims: the suite passes with a memory
 * store that refuses forks, an archive, deleting, search and lists of items, and the report says what was not
 * checked because of that.
 */
import { describe, expect, it } from "vitest";

import { rejection } from "../../src/base/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import {
  checkThreadStore,
  type StoreClaims,
  type StoreFixture,
  storeReportText,
  threadStoreSuite,
} from "../../src/testing/index.ts";

async function refuse(): Promise<never> {
  throw rejection("unsupported", "this store can't do that");
}

/** The memory store without what not every store has. */
function lesserStore(store: ThreadStore): ThreadStore {
  const methods: Partial<ThreadStore> = {
    capabilities: { ...store.capabilities, search: false },
    createThread: (params) => (params?.fork === undefined ? store.createThread(params) : refuse()),
    searchThreads: refuse,
    listItems: refuse,
    archiveThread: refuse,
    unarchiveThread: refuse,
    deleteThread: refuse,
  };
  return new Proxy(store, {
    get(target, name) {
      if (Object.hasOwn(methods, name)) return Reflect.get(methods, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

const fixture: StoreFixture = async () => ({
  place: "memory",
  open: async (options) => lesserStore(createMemoryThreadStore(options)),
  dispose: async () => {},
});
const capabilities: Partial<StoreClaims> = { fork: "none", archive: false, delete: false, itemLists: false };

threadStoreSuite({ name: "lesser memory", fixture, capabilities });

describe("the report of a store that claims little", () => {
  it("has no broken law, and names everything that was not checked", async () => {
    const report = await checkThreadStore({ name: "lesser", fixture, capabilities, runs: 1, seed: 1 });
    expect(report.laws.filter(({ status }) => status === "broken")).toEqual([]);
    const unchecked = report.laws.flatMap((law) => (law.status === "not-checked" ? [law] : []));
    expect(report.notChecked).toBe(unchecked.length);
    expect(report.kept).toBe(report.laws.length - unchecked.length);
    const missing = new Set(unchecked.flatMap((law) => law.missing));
    expect([...missing]).toEqual(
      expect.arrayContaining(["fork", "archive", "delete", "search", "itemLists", "reopen", "multiProcess", "paths"]),
    );
    const text = storeReportText(report);
    for (const what of ["no forks", "no archiving", "no deleting", "no search", "no lists of items"]) {
      expect(text).toContain(what);
    }
  });

  it("tries the laws about stores that lack something, and of a greater store says nothing of them", async () => {
    const lesser = await checkThreadStore({ name: "lesser", fixture, capabilities, runs: 1, seed: 1 });
    const kept = lesser.laws.flatMap(({ id, status }) => (status === "kept" ? [id] : []));
    expect(kept).toEqual(
      expect.arrayContaining([
        "claims.agree",
        "claims.durability",
        "claims.search",
        "claims.item-lists",
        "claims.paths",
        "claims.archive",
        "claims.delete",
        "claims.fork",
      ]),
    );
    const memory: StoreFixture = async () => ({
      place: "memory",
      open: async (options) => createMemoryThreadStore(options),
      dispose: async () => {},
    });
    const whole = await checkThreadStore({ name: "memory", fixture: memory, runs: 1, seed: 1 });
    const claims = whole.laws.flatMap(({ id }) => (id.startsWith("claims.") ? [id] : []));
    expect(claims).toEqual(["claims.agree", "claims.durability", "claims.paths"]);
  });

  it("breaks claims.agree where the handle says otherwise than its author", async () => {
    const report = await checkThreadStore({
      name: "boasting",
      fixture,
      capabilities: { ...capabilities, search: true },
      runs: 1,
    });
    const broken = report.laws.flatMap(({ id, status }) => (status === "broken" ? [id] : []));
    expect(broken).toContain("claims.agree");
  });
});
