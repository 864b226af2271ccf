/**
 * Follows threads: one from its first record on with live deltas, and all of them for what starts and ends.
 * Run it with `node examples/subscribe.ts`; nothing is written, because the store is in memory.
 */
import { createMemoryThreadStore, openRuntime } from "skein";

const store = createMemoryThreadStore();
const runtime = await openRuntime({ store });

// Over all threads: an Observable (and an AsyncIterable, as below).
const seen: string[] = [];
runtime.events().subscribe((event) => seen.push(event.type));

const thread = await runtime.startThread();
await thread.run("This was said before anybody listened.");

// From record 0: first the log, then what happens, each record once. Signals (deltas) only for who asks.
const feed = thread.events({ from: 0, signals: true });
const running = thread.run("And this while somebody does.");
for await (const event of feed) {
  if (event.type === "record") console.log(`#${event.record.ordinal}`, event.record.item.type);
  else if (event.signal.type === "text_delta") console.log("  ~", event.signal.delta);
  else if (event.signal.type === "turn_completed") break;
}
await running;

await runtime.close();
await store.close();
console.log("over all threads:", seen.join(", "));
