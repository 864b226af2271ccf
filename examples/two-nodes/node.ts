/**
 * One node: a store on the database, a runtime with an agent, and a server that other nodes reach at the address which
 * the store tells them. `node examples/two-nodes/node.ts URL SCHEMA ws://127.0.0.1:4501`; main.ts starts two.
 */
import { echoAgent, openRuntime } from "skein";
import { openPostgresCheckpoints, openPostgresThreadStore } from "skein/postgres";
import { serveRuntime } from "skein/server";

const [, , url = "", schema = "", address = ""] = process.argv;
const agent = echoAgent({ delayMs: 200 });
const store = await openPostgresThreadStore({ url, schema, leaseTtlMs: 3_000, node: { url: address } }).catch(giveUp);
const runtime = await openRuntime({ store, agent });
// Where consumers of events keep their place: whichever node they come back to, it is there.
const checkpoints = await openPostgresCheckpoints({ url, schema });
const served = await serveRuntime({ runtime, agent, listen: [address], checkpoints });
console.log("ready");

process.once("SIGTERM", () => {
  // Turns are interrupted and recorded, and the threads are free at once.
  void (async () => {
    await served.close();
    await runtime.close();
    await store.close();
    await checkpoints.close();
  })();
});

/** What an error of Skein's says is for people: what is wrong, and what to do. */
function giveUp(error: unknown): never {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
