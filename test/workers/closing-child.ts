/**
 * A program that looks at a home more than once and closes it at once, so that the home's watcher is still starting.
 * It says so when it is done. Started by watched-closing.test.ts.
 */
import { openStateDb } from "../../src/index.ts";

const [home = ""] = process.argv.slice(2);
const stateDb = await openStateDb({ home });
for (let n = 0; n < 3; n += 1) await stateDb.sweep();
await stateDb.close();
process.stdout.write("closed\n");
