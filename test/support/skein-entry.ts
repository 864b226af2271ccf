/**
 * The `skein` command from its sources, as a child process of a test: what bin/skein.mjs does with the
 * built ones.
 */
import { main } from "../../src/cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
