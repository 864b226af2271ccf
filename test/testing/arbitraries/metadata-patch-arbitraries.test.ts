/**
 * arbMetadataPatch: stores take every patch it makes and the last one wins, a failure shrinks to one field, and
 * each field is set, cleared and kept.
 */
import fc from "fast-check";
import { expect, it } from "vitest";

import { type ThreadMetadataPatch, validateMetadataPatch } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { arbMetadataPatch } from "../../../src/testing/index.ts";
import { countWords, shrunk } from "./sampled.ts";

const FIELDS = ["name", "memoryMode", "sha", "branch", "originUrl"] as const;

function fieldsOf(patch: ThreadMetadataPatch): Readonly<Record<string, unknown>> {
  return { name: patch.name, memoryMode: patch.memoryMode, ...patch.git };
}

it("makes patches that are taken, and whose last name and memory mode stand", async () => {
  const store = createMemoryThreadStore();
  await fc.assert(
    fc.asyncProperty(fc.array(arbMetadataPatch(), { minLength: 1, maxLength: 5 }), async (patches) => {
      const { writer } = await store.createThread({ metadata: { cwd: "/work/place" } });
      const { threadId } = writer;
      for (const patch of patches) await store.updateThreadMetadata({ threadId, patch });
      const thread = await store.readThread({ threadId });
      const named = patches.findLast(({ name }) => name !== undefined);
      const moded = patches.findLast(({ memoryMode }) => memoryMode !== undefined);
      expect(thread.name).toBe(named?.name?.trim() ?? null);
      expect(thread.memoryMode).toBe(moded?.memoryMode ?? "enabled");
    }),
  );
  await store.close();
});

it("makes plain objects of what it says and nothing else", () => {
  fc.assert(
    fc.property(arbMetadataPatch(), (patch) => {
      expect(Object.getPrototypeOf(patch)).toBe(Object.prototype);
      expect(() => validateMetadataPatch(patch)).not.toThrow();
    }),
  );
});

it("shrinks to a patch of one field", () => {
  const smallest = shrunk(arbMetadataPatch(), () => true);
  const said = Object.values(fieldsOf(smallest ?? {})).filter((value) => value !== undefined);
  expect(said).toHaveLength(1);
  expect(shrunk(arbMetadataPatch(), ({ name }) => typeof name === "string")).toEqual({ name: "a name" });
});

it("keeps, sets and, where it can be, clears every field", () => {
  const counts = countWords(
    arbMetadataPatch(),
    (patch) =>
      FIELDS.map((field) => {
        const value = fieldsOf(patch)[field];
        return `${field} ${value === undefined ? "kept" : value === null ? "cleared" : "set"}`;
      }),
    500,
  );
  const wanted = FIELDS.flatMap((field) =>
    ["kept", "set", "cleared"].map((word) => `${field} ${word}`).filter((word) => word !== "memoryMode cleared"),
  );
  for (const word of wanted) expect(counts.get(word) ?? 0, word).toBeGreaterThan(10);
});
