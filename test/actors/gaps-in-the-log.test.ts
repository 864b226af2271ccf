/**
 * A store whose log has a gap breaks what every store promises. The thread over it doesn't open, and says where the
 * gap is: asked again and again, the store would only tell the same.
 */
import { describe, expect, test } from "vitest";

import { createThreadManager, echoAgent } from "../../src/actors/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import type { HistoryPage, ThreadStore } from "../../src/store/index.ts";

/** The store without one record of each log, whatever page it stands in. */
function withoutOrdinal(store: ThreadStore, ordinal: number): ThreadStore {
  const loadHistory: ThreadStore["loadHistory"] = async (params): Promise<HistoryPage> => {
    const page = await store.loadHistory(params);
    return { ...page, records: page.records.filter((record) => record.ordinal !== ordinal) };
  };
  return new Proxy(store, {
    get(target, name) {
      if (name === "loadHistory") return loadHistory;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

describe("a thread whose log has a gap", () => {
  test.each([1, 2, 3])("is refused with the place of the gap at ordinal %i", async (ordinal) => {
    const store = createMemoryThreadStore();
    const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
    const items = ["one", "two", "three", "four"].map((message) => ({
      type: "event_msg" as const,
      payload: { type: "user_message", message },
    }));
    await store.appendItems({ writer, items });
    await store.shutdownThread(writer);
    const manager = createThreadManager({ store: withoutOrdinal(store, ordinal), agent: echoAgent() });
    await expect(manager.resume(writer.threadId)).rejects.toMatchObject({
      code: "rollout_unreadable",
      data: { from: ordinal },
    });
    await manager.shutdown();
    await store.close();
  });
});
