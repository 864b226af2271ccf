/**
 * The law of durable consumers: whatever happens between, appends, acknowledgements, disconnections, take-overs,
 * restarts of the server, each connection of a consumer gets the log from the last acknowledged record on, without
 * a gap or a double, and no more than its window ahead.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, it } from "vitest";

import { createMemoryCheckpoints } from "../../../src/server/checkpoint-store.ts";
import { type CheckpointStore, openCheckpointFiles } from "../../../src/server/index.ts";
import { consumerRun, DurableConsumer } from "./durable-consumer.ts";
import { FeedWorld } from "./feed-world.ts";

describe.each(["memory", "local"] as const)("over a %s store", (kind) => {
  let world: FeedWorld;
  beforeAll(async () => {
    world = await FeedWorld.open({ kind });
  });
  afterAll(async () => {
    await world.close();
  });

  // Records of 400 kB on a disk that others use too.
  const roomy = { timeout: 120_000 };
  it(
    "a consumer gets every record, again only from what it acknowledged last on, and never past a gap",
    roomy,
    async () => {
      await fc.assert(
        fc.asyncProperty(consumerRun, async (run) => {
          const inMemory = createMemoryCheckpoints();
          const checkpointsOf = async (): Promise<CheckpointStore> =>
            kind === "memory" ? inMemory : await openCheckpointFiles({ home: world.home });
          await world.restart(await checkpointsOf());
          const threadId = await world.thread(...Array.from({ length: run.stored }, () => "stored"));
          const consumer = new DurableConsumer(world, threadId, run, checkpointsOf);
          await consumer.connect();
          for (const step of run.steps) await consumer.take(step);
          await consumer.finish();
        }),
        { numRuns: Math.min(fc.readConfigureGlobal().numRuns ?? 100, kind === "memory" ? 1_000_000 : 60) },
      );
    },
  );
});
