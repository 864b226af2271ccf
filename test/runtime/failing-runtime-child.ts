/**
 * A runtime on a store that is neither a home nor the memory store itself but a wrapper that fails, with
 * a logger, through faults, a failing agent and a shutdown that runs out of time. Its process's every
 * idea of a home points at one folder; the test looks at the folder from outside.
 */
import { scriptedAgent } from "../../src/actors/index.ts";
import { createPinoLogger, holdProcess, isSkeinError } from "../../src/base/index.ts";
import { openRuntime } from "../../src/runtime/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { diskFull, faultyThreadStore } from "../support/faulty-thread-store.ts";

const release = holdProcess();
const store = faultyThreadStore(createMemoryThreadStore());
const told: string[] = [];
const logger = await createPinoLogger({ level: "debug" });
const agent = scriptedAgent({
  turns: [[{ say: "fine" }], [{ fail: new Error("no model") }], [{ say: "lost" }], [{ untilAborted: true }]],
});
const runtime = await openRuntime({ store, agent, logger });

const thread = await runtime.startThread({ cwd: process.cwd() });
for (let turns = 0; turns < 2; turns += 1) told.push((await thread.run("go")).status);
store.planAppend(2, { type: "before", error: diskFull() });
told.push((await thread.run("go")).status);
store.planFailures("resumeThread", [diskFull()]);
await thread.close();
try {
  await runtime.resumeThread(thread.id);
} catch (error) {
  told.push(isSkeinError(error) ? error.code : "odd");
}
const again = await runtime.resumeThread(thread.id);
await again.startTurn("go");
store.planAppend(1, { type: "hold", until: new Promise(() => {}) });
const { timedOut } = await runtime.close({ timeoutMs: 50 });
told.push(timedOut.length === 1 ? "timed out" : "not timed out");

process.stdout.write(`${[...new Set(told)].sort().join(",")}\n`);
release();
