/**
 * The process that the demo kills. It goes on with a thread, lets a slow agent answer, and says on
 * standard output what it was told: each record the store acknowledged as durable, and that words of an
 * answer came. It writes synchronously: what the parent has read, this process was really told.
 *
 * Started as `node demo-child HOME THREAD_ID`; it runs turns until it is killed.
 */
import { writeSync } from "node:fs";

import { echoAgent } from "../../actors/index.ts";
import { assert, holdProcess } from "../../base/index.ts";
import { openRuntime } from "../../runtime/index.ts";
import { DEMO_QUESTIONS } from "./demo-questions.ts";

/** Slow enough that a kill lands between two words. */
const WORD_EVERY_MS = 25;
const STANDARD_OUTPUT = 1;

const [home, threadId] = process.argv.slice(2);
assert(home !== undefined && threadId !== undefined, "the demo starts its child with a home and a thread");

const say = (message: object): void => {
  writeSync(STANDARD_OUTPUT, `${JSON.stringify(message)}\n`);
};

const release = holdProcess();
const runtime = await openRuntime({ home, agent: echoAgent({ delayMs: WORD_EVERY_MS, chunkChars: 6 }) });
runtime.store.subscribe((event) => {
  if (event.type !== "appended") return;
  for (const { ordinal, item } of event.records) say({ type: "acknowledged", ordinal, item });
});
const thread = await runtime.resumeThread(threadId);
thread.events({ from: "end", signals: true }).subscribe((event) => {
  if (event.type === "signal" && event.signal.type === "text_delta") {
    say({ type: "delta", turnId: event.signal.turnId, delta: event.signal.delta });
  }
});
for (const question of DEMO_QUESTIONS) await thread.run(question);
// Only reached when nobody killed it: then it leaves as a process should.
await runtime.close();
release();
