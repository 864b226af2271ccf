/**
 * A whole runtime on a memory store, in a process whose every idea of a home points at one folder. It
 * does all that a runtime can do to threads; the test looks at the folder from outside.
 */
import { openRuntime } from "../../src/runtime/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { echoAgent } from "../../src/actors/index.ts";
import { holdProcess } from "../../src/base/index.ts";

const release = holdProcess();
const store = createMemoryThreadStore();
const runtime = await openRuntime({ store, agent: echoAgent() });

const thread = await runtime.startThread({ cwd: process.cwd() });
await thread.run("one");
await thread.run("two");
const [, second] = thread.snapshot().thread.turns;
const fork = await runtime.forkThread(thread.id, second === undefined ? {} : { beforeTurnId: second.id });
await fork.run("in the fork");
await thread.rollback(1);
await thread.updateMetadata({ name: "named", memoryMode: "disabled", git: { branch: "main" } });
await (
  await thread.review({ type: "uncommittedChanges" })
).completed;
await (
  await thread.compact()
).completed;
await thread.injectItems([{ type: "message", role: "user", content: [{ type: "input_text", text: "injected" }] }]);
await thread.flush();
await runtime.archiveThread(fork.id);
await runtime.unarchiveThread(fork.id);
await runtime.listThreads({ searchTerm: "one" });
await runtime.deleteThread(fork.id);
await thread.close();
await (await runtime.resumeThread(thread.id)).run("again");

process.stdout.write(`${(await store.readThread({ threadId: thread.id })).name}\n`);
await runtime.close();
release();
