/**
 * Talks to a server in a process of its own: starts a thread, runs a turn, and follows its records, also across a
 * lost connection. Run it with `node examples/remote-client.ts`; it leaves nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { connectClient } from "skein/client";

const home = mkdtempSync(join(tmpdir(), "skein-example-"));
// The package's own command, wherever it is installed; { file: "skein" } is the one on the PATH. A running server
// instead: { address: "ws://127.0.0.1:4500" } or { address: "unix:///run/skein.sock" }.
const skein = fileURLToPath(new URL("bin/skein.mjs", import.meta.resolve("skein/package.json")));
const client = await connectClient({
  command: { file: process.execPath, args: [skein, "serve", "--listen", "stdio://", "--home", home] },
});
client.on("turn/completed", ({ turn }) => console.log("the turn is", turn.status));

const { thread } = await client.request("thread/start", {});
await client.request("turn/start", {
  threadId: thread.id,
  input: [{ type: "text", text: "Hello over there." }],
});

// Every record once and in order, whatever the connection does. The server keeps how far "example" has come.
for await (const event of client.threadEvents(thread.id, { checkpoint: "example" })) {
  if (event.type !== "record" || event.record.item.type !== "event_msg") continue;
  console.log(`#${event.record.ordinal}`, event.record.item.payload.type);
  if (event.record.item.payload.type === "task_complete") break;
}
await client.close();
rmSync(home, { recursive: true, force: true });
