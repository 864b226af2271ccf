/**
 * Embeds the runtime: a thread with two turns, a fork, a rollback, and the same thread in a runtime that
 * was opened anew. Run it with `node examples/embed.ts`; it leaves its threads in ./example-home.
 */
import { isSkeinError, openRuntime } from "skein";

// Any agent fits here: responsesAgent() asks an OpenAI-compatible endpoint, or write your own `run`.
let runtime = await openRuntime({ home: "example-home" });
const thread = await runtime.startThread({ cwd: process.cwd() });

// A turn resolves when its end stands on the disk.
const first = await thread.run("What is a rollout?");
const second = await thread.run("And a fork?");
console.log(
  first.status,
  first.items.map((item) => item.type),
);

// A fork is a thread of its own; neither hears of the other again.
const fork = await runtime.forkThread(thread.id, { beforeTurnId: second.id });
console.log("the fork begins with", fork.snapshot().thread.turns.length, "turn");

// A rollback drops turns from the conversation; the log only grows.
const { thread: rolledBack, nextOrdinal } = await thread.rollback(1);
console.log("turns left:", rolledBack.turns.length, "records:", nextOrdinal);

// What is refused says so with a code.
try {
  await thread.run("   ");
} catch (error) {
  if (!isSkeinError(error, "empty_input")) throw error;
  console.log("refused:", error.message);
}
await runtime.close();

// Another process, or the same one later: everything acknowledged is there.
runtime = await openRuntime({ home: "example-home" });
const again = await runtime.resumeThread(thread.id);
await again.run("Still there?");
const { data } = await runtime.listThreads({ sortKey: "updated_at" });
console.log(data.map(({ id, preview }) => `${id} ${preview}`).join("\n"));
await runtime.close();
