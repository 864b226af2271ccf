/**
 * A program that looks at a home more than once and closes it at once, so that the home's watcher is still starting.
 * It says so when it is done. Started by watched-closing.test.ts.
 */
import { openRuntime } from "../../src/index.ts";

const [home = ""] = process.argv.slice(2);
const runtime = await openRuntime({ home, stateDb: true });
for (let n = 0; n < 3; n += 1) await runtime.listThreads();
await runtime.close();
process.stdout.write("closed\n");
