/**
 * `skein serve`: the home's threads for clients that speak Codex's app-server protocol. It serves until it is told
 * to stop (Ctrl-C, SIGTERM, or the end of standard input where that is the client), then interrupts what runs,
 * records that, and ends within a bounded time. A second Ctrl-C ends it at once.
 */
import type { Agent } from "../../actors/index.ts";
import { rejection } from "../../base/index.ts";
import { type AppServer, createAppServer, openCheckpointFiles } from "../../server/index.ts";
import { type Listener, openListener, parseListenAddress } from "../../server/transports/index.ts";
import { type AgentChoice, makeAgent } from "../agent-choice.ts";
import type { CliContext } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { toServeScreen } from "../format/serve-screen.ts";
import { withRuntime } from "../open-home.ts";
import { toJsonLine } from "../output.ts";

interface ServeOptions extends AgentChoice {
  readonly listen?: readonly string[];
  readonly allowOrigin?: readonly string[];
}

/** Where a person is served who says nothing about it. */
const PERSON_ADDRESS = "ws://127.0.0.1:4500";
const STDIO_ADDRESS = "stdio://";
/** Milliseconds a stop may take to interrupt and record what runs. */
const STOP_MS = 10_000;

/** Serves until it is told to stop. */
export async function runServe(context: CliContext, options: ServeOptions): Promise<ExitCode> {
  const addresses = addressesOf(context, options);
  const agent = makeAgent(context, options);
  return await withRuntime(context, { agent, mayMakeHome: true }, async (runtime) => {
    const { home, cwd, clock, logger } = context;
    const checkpoints = await openCheckpointFiles({ home, clock, logger });
    const server = createAppServer({ runtime, agent, home, cwd, checkpoints, clock, logger });
    const stopping = stopSignal(context);
    const listeners: Listener[] = [];
    try {
      for (const address of addresses) listeners.push(await listen(context, { server, options, address }));
      await introduce(context, { listeners, agent, options });
      await Promise.race([stopping.asked, ...listeners.map((listener) => listener.ended)]);
    } finally {
      for (const listener of listeners) await listener.close();
      await server.drain();
      // Before the connections are closed: clients hear how their turns ended.
      await runtime.close({ timeoutMs: STOP_MS });
      await server.close();
      stopping.release();
    }
    return EXIT.ok;
  });
}

function addressesOf({ stdin, cwd }: CliContext, { listen = [] }: ServeOptions): readonly string[] {
  const fallback = stdin.isTTY ? PERSON_ADDRESS : STDIO_ADDRESS;
  const addresses = listen.length === 0 ? [fallback] : listen;
  if (addresses.filter((address) => parseListenAddress(address).kind === "stdio").length > 1) {
    throw rejection("invalid_argument", "standard input can only be served once", { cwd });
  }
  return addresses;
}

interface Place {
  readonly server: AppServer;
  readonly options: ServeOptions;
  readonly address: string;
}

async function listen(context: CliContext, { server, options, address }: Place): Promise<Listener> {
  const { clock, logger, env } = context;
  const token = env["SKEIN_TOKEN"];
  return await openListener(
    address,
    {
      clock,
      logger,
      ...(token === undefined || token === "" ? {} : { token }),
      ...(options.allowOrigin === undefined ? {} : { allowedOrigins: options.allowOrigin }),
    },
    server.accept,
  );
}

interface Introduction {
  readonly listeners: readonly Listener[];
  readonly agent: Agent;
  readonly options: ServeOptions;
}

/** Says where it listens, on standard error where standard output is a client's. */
async function introduce(context: CliContext, { listeners, agent, options }: Introduction): Promise<void> {
  const { home, out, err, json, env } = context;
  const addresses = listeners.map((listener) => listener.address);
  const isStdio = addresses.includes(STDIO_ADDRESS);
  const screen = { addresses, home, agent: options.agent, model: options.model ?? agent.defaultModel };
  if (json) await (isStdio ? err : out).write(`${toJsonLine({ listening: addresses, ...screen })}\n`);
  else if (!isStdio) await out.write(toServeScreen({ ...screen, hasToken: (env["SKEIN_TOKEN"] ?? "") !== "" }, out));
}

/** The first Ctrl-C or SIGTERM asks for the end; nobody listens to a second one, so it ends the process. */
function stopSignal(context: CliContext): { readonly asked: Promise<void>; release(): void } {
  const asked = Promise.withResolvers<void>();
  const release = context.onStop(() => {
    release();
    asked.resolve();
  });
  return { asked: asked.promise, release };
}
