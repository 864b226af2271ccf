/**
 * Serves an agent of your own: any client of Codex's app-server protocol can start threads with it, and watch. Run it
 * with `node examples/serve-agent.ts`; it leaves nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Agent, openRuntime } from "skein";
import { connectClient } from "skein/client";
import { serveRuntime } from "skein/server";

const shouting: Agent = {
  name: "shouting",
  provider: null,
  defaultModel: "shout-1",
  async *run({ input }) {
    const text = input.map((part) => (part.type === "text" ? part.text.toUpperCase() : "")).join(" ");
    yield { type: "item", item: { type: "message", role: "assistant", content: [{ type: "output_text", text }] } };
  },
};

const home = mkdtempSync(join(tmpdir(), "skein-example-"));
const runtime = await openRuntime({ home, agent: shouting, stateDb: true });
const served = await serveRuntime({ runtime, agent: shouting, home, listen: ["ws://127.0.0.1:0"] });
const [address = ""] = served.addresses;
console.log("served at", address);

// A client, here in the same process. `codex --remote ADDRESS` is another one.
const client = await connectClient({ address });
client.on("item/completed", ({ item }) => {
  if (item.type === "agentMessage") console.log(item.text);
});
const ended = new Promise<string>((resolve) => {
  client.on("turn/completed", ({ turn }) => resolve(turn.status));
});
const { thread } = await client.request("thread/start", {});
await client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text: "hear me" }] });
console.log(await ended);

await client.close();
await served.close();
await runtime.close();
rmSync(home, { recursive: true, force: true });
