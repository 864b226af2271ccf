/**
 * The app-server over standard input and output, on the home and with the model endpoint of its arguments: what
 * `skein serve` does, with a model whose failed requests aren't tried again.
 */
import { responsesAgent } from "../../../src/actors/index.ts";
import { openRuntime } from "../../../src/runtime/index.ts";
import { createAppServer } from "../../../src/server/index.ts";
import { openListener } from "../../../src/server/transports/index.ts";

const STOP_MS = 10_000;

const [home = "", baseUrl = ""] = process.argv.slice(2);
const agent = responsesAgent({ baseUrl, apiKey: "none", model: "mock-model", provider: "mock", retries: 0 });
const runtime = await openRuntime({ home, agent, stateDb: true });
const server = createAppServer({ runtime, agent, home });
const listener = await openListener("stdio://", {}, (connection) => server.accept(connection));
await listener.ended;
await listener.close();
await server.drain();
await runtime.close({ timeoutMs: STOP_MS });
await server.close();
