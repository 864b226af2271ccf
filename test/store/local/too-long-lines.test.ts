/**
 * Lines that are longer than Skein reads. The files are sparse: a line of 257 MiB of zeros costs no disk. Such
 * a line is a record that can't be read, and keeps its place; what stands around it is read as ever.
 */
import { open, stat } from "node:fs/promises";

import { expect, it } from "vitest";

import { LIMITS } from "../../../src/base/index.ts";
import { verifyHome } from "../../../src/store/local/index.ts";
import { homeWith, messageLine, metaLine, ODD_ID } from "./hand-made-rollouts.ts";
import { collect, idsOf, message, openStore } from "./store-lab.ts";

const HEAD = metaLine() + messageLine("first");
const LINE_BYTES = LIMITS.lineBytesMax + 1024;

/** A home whose rollout has a line of zeros behind its head, and then this text. */
async function homeWithLongLine(behind: string): Promise<{ home: string; file: string }> {
  const made = await homeWith(HEAD);
  const handle = await open(made.file, "r+");
  await handle.truncate(HEAD.length + LINE_BYTES);
  await handle.write(behind, HEAD.length + LINE_BYTES);
  await handle.close();
  return made;
}

it("a last line that is too long is an unreadable record of a thread that is listed, read and written to", async () => {
  const { home } = await homeWithLongLine("\n");
  const store = await openStore(home);
  expect(await idsOf(store)).toEqual([ODD_ID]);
  const page = await store.loadHistory({ threadId: ODD_ID, from: 2 });
  expect(page.records).toMatchObject([
    { ordinal: 2, item: { type: "unreadable", reason: expect.stringContaining("longer than") as string } },
  ]);
  const { writer, nextOrdinal } = await store.resumeThread({ threadId: ODD_ID });
  expect(nextOrdinal).toBe(3);
  await store.appendItems({ writer, items: [message("next")] });
  const behind = await store.loadHistory({ threadId: ODD_ID, from: 3 });
  expect(behind.records.map((record) => record.ordinal)).toEqual([3]);
});

it("a last line that is too long and was never finished is torn: it is counted by nobody, and verify says so", async () => {
  const { home, file } = await homeWithLongLine("");
  const store = await openStore(home);
  expect((await store.loadHistory({ threadId: ODD_ID })).nextOrdinal).toBe(2);
  expect(await store.resumeThread({ threadId: ODD_ID })).toMatchObject({ nextOrdinal: 2, tornBytes: LINE_BYTES });
  expect((await stat(file)).size).toBe(HEAD.length + LINE_BYTES);
  const findings = await collect(verifyHome(home));
  expect(findings).toMatchObject([{ code: "torn_tail", offset: HEAD.length }]);
});
