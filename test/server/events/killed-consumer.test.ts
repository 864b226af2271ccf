/**
 * kill -9 between acknowledgements: what was answered as kept is kept, and the next process goes on there. The moments
 * of the kills are fast-check's, so the printed seed repeats them as far as a machine can.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import fc from "fast-check";
import { expect, it } from "vitest";

import { openCheckpointFiles } from "../../../src/server/index.ts";
import { nodeTypeFlags } from "../../support/node-flags.ts";
import { FeedWorld } from "./feed-world.ts";

const entry = fileURLToPath(new URL("acknowledging-child.ts", import.meta.url));
/** More than are acknowledged in all rounds. */
const RECORDS = 2_000;
const ROUNDS = 8;

interface Report {
  readonly from?: number;
  readonly asked?: number;
  readonly answered?: number;
}

/** Runs a child until it has said so many reports, kills it, and gives all that it said. */
async function killAfter(reportCount: number, child: ChildProcess): Promise<readonly Report[]> {
  const { stdout } = child;
  if (stdout === null) throw new Error("the child has no output");
  const reports: Report[] = [];
  const closed = once(child, "close");
  for await (const line of createInterface({ input: stdout })) {
    reports.push(JSON.parse(line) as Report);
    if (reports.length === reportCount) child.kill("SIGKILL");
  }
  await closed;
  return reports;
}

it("keeps what was acknowledged through kill -9, and goes on there", async () => {
  const world = await FeedWorld.open({ kind: "local" });
  try {
    const threadId = await world.thread();
    for (let said = 0; said < RECORDS; said += 500) {
      await world.say(threadId, ...Array.from({ length: 500 }, (_, place) => `message ${said + place}`));
    }
    const counts = fc.sample(fc.integer({ min: 2, max: 120 }), ROUNDS);
    let [kept, asked] = [0, 0];
    for (const count of counts) {
      const child = spawn(process.execPath, [...nodeTypeFlags(), entry, world.home, threadId], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      const reports = await killAfter(count, child);
      expect(reports.length).toBeGreaterThanOrEqual(count);
      expect(reports[0]?.from).toBe(kept);
      const answered = Math.max(kept, ...reports.flatMap((report) => report.answered ?? []));
      asked = Math.max(asked, ...reports.flatMap((report) => report.asked ?? []));
      const store = await openCheckpointFiles({ home: world.home });
      kept = (await store.read({ name: "killed", threadId })) ?? 0;
      expect(kept).toBeGreaterThanOrEqual(answered);
      expect(kept).toBeLessThanOrEqual(asked);
    }
    expect(kept).toBeGreaterThan(ROUNDS);
  } finally {
    await world.close();
  }
}, 120_000);
