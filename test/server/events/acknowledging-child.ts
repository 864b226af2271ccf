/**
 * The process that is killed: a server on a home, and a consumer in it that acknowledges one record after another
 * on its checkpoint, and says each position when its acknowledgement was answered. It never ends by itself.
 *
 * `acknowledging-child.ts HOME THREAD`
 */
import { writeSync } from "node:fs";

import { echoAgent } from "../../../src/actors/index.ts";
import { openRuntime } from "../../../src/runtime/index.ts";
import { createAppServer, openCheckpointFiles } from "../../../src/server/index.ts";
import { Consumer } from "./feed-world.ts";

const [home = "", threadId = ""] = process.argv.slice(2);
const agent = echoAgent();
const runtime = await openRuntime({ home, agent });
const server = createAppServer({ runtime, agent, home, checkpoints: await openCheckpointFiles({ home }) });
const client = await new Consumer(server).initialize();
const { subscriptionId, from } = await client.subscribe({ threadId, checkpoint: "killed" });
say({ from });
for (let done = from + 1; ; done += 1) {
  await client.until(() => client.records().length >= done - from);
  // Some are asked for together, as by a consumer that does not wait for each answer.
  if (done % 3 === 0) void acknowledge(done);
  else await acknowledge(done);
}

async function acknowledge(nextOrdinal: number): Promise<void> {
  say({ asked: nextOrdinal });
  await client.acknowledge(subscriptionId, nextOrdinal);
  say({ answered: nextOrdinal });
}

/** Straight into the pipe: what was said stays said, however this process ends. */
function say(report: object): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}
