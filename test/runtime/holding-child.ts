/**
 * A plain script that embeds the runtime and awaits what takes a while, as a person would write it: nothing
 * in it holds the process open but what it waits for. Says "done" when it got there.
 */
import { appendFileSync } from "node:fs";

import { type Agent, echoAgent, openRuntime, responsesAgent } from "../../src/index.ts";

const [wait = "", home = ""] = process.argv.slice(2);

/** Another writer gets at the file between two items: the thread fails, and is opened again after a while. */
function disturbed(path: () => string | null): Agent {
  const item = (text: string): object => ({
    type: "message",
    role: "assistant",
    content: [{ type: "output_text", text }],
  });
  return {
    name: "disturbed",
    provider: null,
    defaultModel: "m",
    async *run() {
      yield { type: "item", item: item("a") as never };
      appendFileSync(path() ?? "", "somebody else\n");
      yield { type: "item", item: item("b") as never };
    },
  };
}

async function turn(agent: Agent): Promise<void> {
  const runtime = await openRuntime({ home, agent });
  const thread = await runtime.startThread({ cwd: "/" });
  await thread.run("hello");
  if (wait !== "forgotten") await runtime.close();
}

if (wait === "slow") await turn(echoAgent({ delayMs: 40 }));
if (wait === "forgotten") await turn(echoAgent());
if (wait === "retry") await turn(responsesAgent({ model: "m", baseUrl: "http://127.0.0.1:9/v1", apiKey: "k" }));
if (wait === "fault") {
  let path: string | null = null;
  const runtime = await openRuntime({ home, agent: disturbed(() => path) });
  const thread = await runtime.startThread({ cwd: "/" });
  ({ path } = thread.snapshot().thread);
  await thread.run("hello");
  await runtime.close();
}
if (wait === "poll") {
  const runtime = await openRuntime({ home, agent: echoAgent() });
  const thread = await runtime.startThread({ cwd: "/" });
  await thread.run("hello");
  const path = thread.snapshot().thread.path ?? "";
  const line = { timestamp: "2026-05-05T10:00:00.000Z", type: "event_msg", payload: { type: "context_compacted" } };
  const { nextOrdinal } = thread.snapshot();
  const feed = thread.events({ from: nextOrdinal, pollIntervalMs: 20 })[Symbol.asyncIterator]();
  const next = feed.next();
  // A whole line of another process, in the middle of two looks.
  process.nextTick(() => appendFileSync(path, `${JSON.stringify(line)}\n`));
  await next;
  await feed.return?.();
}
console.log("done");
