/**
 * A node for tests, as a process of its own: a store on PostgreSQL, a runtime on it, an app-server on a port of the
 * loopback that hands on what other nodes own. Its agent says what it was asked; asked for something "slow" it begins
 * to answer and does not end. Not a test: test/e2e/nodes.test.ts starts it.
 */
import { scriptedAgent } from "../../src/actors/index.ts";
import { openRuntime } from "../../src/runtime/index.ts";
import { createNodeRelay, serveRuntime } from "../../src/server/index.ts";
import { openPostgresCheckpoints, openPostgresThreadStore } from "../../src/postgres/index.ts";

/** What the process is told, in SKEIN_TEST_NODE. */
export interface NodeChildOptions {
  readonly database: string;
  readonly schema: string;
  readonly url: string;
  readonly leaseTtlMs: number;
}

const { database, schema, url, leaseTtlMs } = JSON.parse(process.env["SKEIN_TEST_NODE"] ?? "{}") as NodeChildOptions;

const agent = scriptedAgent({
  turns: [],
  otherwise: ({ input }) => {
    const text = input.map((part) => (part.type === "text" ? part.text : "")).join(" ");
    const said = [{ say: `You said: ${text}` }];
    return text.includes("slow") ? [...said, { untilAborted: true }] : said;
  },
});
const store = await openPostgresThreadStore({ url: database, schema, leaseTtlMs, allowUnsafe: true, node: { url } });
const runtime = await openRuntime({ store, agent, cwd: "/srv/ws" });
const relay = createNodeRelay({ limits: { heartbeatMs: 500, connectMs: 500 } });
const checkpoints = await openPostgresCheckpoints({ url: database, schema, allowUnsafe: true });
const served = await serveRuntime({ runtime, agent, cwd: "/srv/ws", listen: [url], relay, checkpoints });
process.stdout.write("ready\n");

process.once("SIGTERM", () => {
  void (async () => {
    await served.close();
    await runtime.close();
    await store.close();
    await checkpoints.close();
    process.exit(0);
  })();
});
