/**
 * Laws of a rollout's end, whatever stands there: the tail's reader, which goes backwards, and the log's scanner,
 * which goes forwards, agree on where records end, which lines are records, and when the newest was written.
 */
import fc from "fast-check";
import { expect, it } from "vitest";

import { sealLine } from "../../../src/store/line-seal.ts";
import { verifyHome } from "../../../src/store/local/index.ts";
import { homeWith, messageLine, metaLine, ODD_ID, writeInto } from "./hand-made-rollouts.ts";
import { collect, logOf, message, openStore } from "./store-lab.ts";

const HALF_LETTER = Buffer.from(messageLine("h\u00c3", "2026-05-05T11:00:00.000Z"), "latin1");

/** Lines as latin1: good ones, and ones that are no record or look like part of an append that they are not. */
const LINES = [
  messageLine("plain"),
  marked(messageLine("two more"), 2),
  marked(messageLine("one more"), 1),
  sealLine(marked(messageLine("two more, sealed"), 2)),
  sealLine(marked(messageLine("one more, sealed"), 1)),
  sealLine(messageLine("sealed")),
  marked('{"timestamp":"2026-05-05T10:00:01.000Z","type":"event_msg","payload":{"type":"user_message"}}\n', 1),
  marked("{not json}\n", 1),
  marked("{not json}\n", 2),
  marked(HALF_LETTER.toString("latin1"), 1),
  marked(messageLine("windows"), 1).replace("\n", "\r\n"),
  messageLine("spaced").replace("}}", '}, "skein": {"more": 1}}'),
  HALF_LETTER.toString("latin1"),
  "not json\n",
  "\n",
  " \r\n",
];

function marked(line: string, more: number): string {
  return line.replace(/\}\r?\n$/, `,"skein":{"more":${more}}}\n`);
}

const arbLines = fc.array(fc.constantFrom(...LINES), { maxLength: 7 });
const arbTorn = fc.constantFrom(0, 0, 1, 2, 30);

/** A rollout of these lines, the last bytes cut off. */
async function rolloutOf(lines: readonly string[], cut: number): Promise<{ readonly home: string }> {
  const body = Buffer.from(lines.join(""), "latin1");
  return homeWith(Buffer.concat([Buffer.from(metaLine()), body.subarray(0, Math.max(0, body.byteLength - cut))]));
}

it("law: an append behind any tail gets the ordinals it is told, and what was read before stays", async () => {
  await fc.assert(
    fc.asyncProperty(arbLines, arbTorn, async (lines, cut) => {
      const { home } = await rolloutOf(lines, cut);
      const store = await openStore(home);
      const before = await logOf(store, ODD_ID);
      const { writer, nextOrdinal } = await store.resumeThread({ threadId: ODD_ID });
      const { firstOrdinal } = await store.appendItems({ writer, items: [message("next")] });
      const after = await logOf(store, ODD_ID);
      expect([firstOrdinal, nextOrdinal]).toEqual([before.length, before.length]);
      expect(after.slice(0, -1)).toEqual(before);
      expect(after.at(-1)).toMatchObject({ ordinal: firstOrdinal, item: message("next") });
      await store.close();
    }),
  );
});

it("law: a fork of any tail has the records that were read of its source", async () => {
  await fc.assert(
    fc.asyncProperty(arbLines, arbTorn, fc.nat(7), async (lines, cut, dropped) => {
      const { home } = await rolloutOf(lines, cut);
      const store = await openStore(home);
      const source = await logOf(store, ODD_ID);
      const endOrdinal = Math.max(1, source.length - dropped);
      const fork = { threadId: ODD_ID, endOrdinal };
      const { writer } = await store.createThread({ metadata: { cwd: "/work" }, fork });
      const copied = (await logOf(store, writer.threadId)).slice(1);
      const items = source.slice(0, endOrdinal).map(({ item }) => item);
      expect(copied.map(({ item }) => item)).toEqual(items);
      await store.close();
    }),
  );
});

it("law: lists by time order threads by the times they show, whatever the last lines are", async () => {
  const other = "01900000-0000-7000-8000-000000000002";
  await fc.assert(
    fc.asyncProperty(arbLines, arbTorn, async (lines, cut) => {
      const { home } = await rolloutOf(lines, cut);
      const file = `${home}/sessions/2026/05/05/rollout-2026-05-05T10-00-00-${other}.jsonl`;
      await writeInto(file, metaLine(other) + messageLine("between", "2026-05-05T10:30:00.000Z"));
      const store = await openStore(home);
      for (const [sortKey, time] of [
        ["updated_at", "updatedAtMs"],
        ["recency_at", "recencyAtMs"],
      ] as const) {
        const times = (await store.listThreads({ sortKey })).data.map((thread) => thread[time]);
        expect(times).toEqual(times.toSorted((a, b) => b - a));
      }
      await store.close();
    }),
  );
});

it("law: a verification says of a tail that it is torn when the next append cuts it", async () => {
  await fc.assert(
    fc.asyncProperty(arbLines, arbTorn, async (lines, cut) => {
      const { home } = await rolloutOf(lines, cut);
      const found = new Set((await collect(verifyHome(home))).map(({ code }) => code));
      const store = await openStore(home);
      const { tornBytes } = await store.resumeThread({ threadId: ODD_ID });
      const isTold = found.has("torn_tail") || found.has("incomplete_batch");
      expect(isTold).toBe(tornBytes > 0);
      await store.close();
    }),
  );
});
