/**
 * The process that is killed (see killed-writer.ts). Arguments: home, working folder. It ends by being
 * killed, or after so many turns that nobody is waiting any more.
 */
import { echoAgent, openRuntime } from "../../src/index.ts";

const TURNS_MAX = 10_000;

const [, , home = "", cwd = ""] = process.argv;
const runtime = await openRuntime({ home, cwd, agent: echoAgent() });
const thread = await runtime.startThread();
for (let turns = 1; turns <= TURNS_MAX; turns += 1) {
  await (
    await thread.startTurn(`turn ${turns}, told over and over`)
  ).completed;
  const { path } = thread.snapshot().thread;
  process.stdout.write(`${JSON.stringify({ threadId: thread.id, path, turnsAcknowledged: turns })}\n`);
}
await runtime.close();
