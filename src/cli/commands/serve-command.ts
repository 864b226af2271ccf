/**
 * `skein serve`: the home's threads for clients that speak Codex's app-server protocol. It serves until it is told
 * to stop (Ctrl-C, SIGTERM, or the end of standard input where that is the client), then interrupts what runs,
 * records that, and ends within a bounded time. A second Ctrl-C ends it at once.
 *
 * Standard output is the client's where one of the addresses is `stdio://`: everything else is said on standard error.
 */
import type { Agent } from "../../actors/index.ts";
import { rejection } from "../../base/index.ts";
import type { Runtime } from "../../runtime/index.ts";
import { type AppServer, createAppServer, openCheckpointFiles } from "../../server/index.ts";
import {
  type ConnectionAcceptor,
  type Listener,
  openListener,
  parseListenAddress,
} from "../../server/transports/index.ts";
import { type AgentChoice, makeAgent } from "../agent-choice.ts";
import type { CliContext } from "../cli-context.ts";
import { commandName, serveCommandName } from "../command-name.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { toServeScreen } from "../format/serve-screen.ts";
import { explainListenError } from "../listen-error.ts";
import { makeHome } from "../make-home.ts";
import { withRuntime } from "../open-home.ts";
import { toJsonLine } from "../output.ts";
import { listenForStop } from "../stop-signal.ts";

interface ServeOptions extends AgentChoice {
  readonly listen?: readonly string[];
  readonly allowOrigin?: readonly string[];
}

/** Where a person is served who says nothing about it. */
const PERSON_ADDRESS = "ws://127.0.0.1:4500";
const STDIO_ADDRESS = "stdio://";
/** Milliseconds that interrupting and recording what runs may take. */
const STOP_MS = 10_000;

/** Serves until it is told to stop. */
export async function runServe(context: CliContext, options: ServeOptions): Promise<ExitCode> {
  const addresses = addressesOf(context, options);
  const agent = makeAgent(context, options);
  await makeHome(context.home);
  return await withRuntime(context, { agent, mayMakeHome: true }, async (runtime) => {
    const { home, cwd, clock, logger } = context;
    const checkpoints = await openCheckpointFiles({ home, clock, logger });
    const server = createAppServer({ runtime, agent, home, cwd, checkpoints, clock, logger });
    const stop = listenForStop(context);
    const entrance = createEntrance(server);
    const listeners: Listener[] = [];
    try {
      for (const address of addresses) listeners.push(await listen(context, { entrance, options, address }));
      await introduce(context, { addresses: listeners.map(({ address }) => address), agent, options });
      const inputEnded = listeners.map((listener) => listener.ended.then(() => "input ended" as const));
      const why = await Promise.race([stop.asked.then(() => "asked" as const), ...inputEnded]);
      sayStopping(context, { addresses, why, wasUsed: entrance.wasUsed });
    } finally {
      await shutDown({ listeners, server, runtime });
      stop.release();
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

/** The server's door, which remembers whether anybody ever said something. */
interface Entrance {
  readonly accept: ConnectionAcceptor;
  readonly wasUsed: boolean;
}

function createEntrance(server: AppServer): Entrance {
  let wasUsed = false;
  return {
    accept: (connection) => {
      const handler = server.accept(connection);
      return {
        received: (text) => {
          wasUsed = true;
          handler.received(text);
        },
        closed: (reason) => handler.closed(reason),
      };
    },
    get wasUsed(): boolean {
      return wasUsed;
    },
  };
}

interface Place {
  readonly entrance: Entrance;
  readonly options: ServeOptions;
  readonly address: string;
}

async function listen(context: CliContext, { entrance, options, address }: Place): Promise<Listener> {
  const { clock, logger, env } = context;
  const token = env["SKEIN_TOKEN"];
  try {
    return await openListener(
      address,
      {
        clock,
        logger,
        ...(token === undefined || token === "" ? {} : { token }),
        ...(options.allowOrigin === undefined ? {} : { allowedOrigins: options.allowOrigin }),
      },
      entrance.accept,
    );
  } catch (error) {
    throw explainListenError(error, address, serveCommandName(context));
  }
}

interface Introduction {
  readonly addresses: readonly string[];
  readonly agent: Agent;
  readonly options: ServeOptions;
}

/** Says where it listens, on standard error where standard output is a client's. */
async function introduce(context: CliContext, { addresses, agent, options }: Introduction): Promise<void> {
  const { home, out, err, json, env } = context;
  const isStdio = addresses.includes(STDIO_ADDRESS);
  const choice = { home, agent: options.agent, model: options.model ?? agent.defaultModel };
  if (json) await (isStdio ? err : out).write(`${toJsonLine({ listening: addresses, ...choice })}\n`);
  if (json || isStdio) return;
  const screen = {
    ...choice,
    addresses,
    hasToken: (env["SKEIN_TOKEN"] ?? "") !== "",
    command: context.isHomeGiven ? `${commandName(context)} --home ${home}` : commandName(context),
    serveCommand: serveCommandName(context),
  };
  await out.write(toServeScreen(screen, out));
}

interface Stopping {
  readonly addresses: readonly string[];
  readonly why: "asked" | "input ended";
  readonly wasUsed: boolean;
}

/** Says that it stops to whom that may surprise. Nobody may be there any more to read it, so nothing waits for it. */
function sayStopping(context: CliContext, { addresses, why, wasUsed }: Stopping): void {
  const { err, json } = context;
  const isStdio = addresses.includes(STDIO_ADDRESS);
  const say = (text: string): void => void Promise.allSettled([err.write(`${text}\n`)]);
  if (json) return;
  if (why === "asked") {
    if (!isStdio) say("\nstopping: turns that run are interrupted and recorded; Ctrl-C ends it at once");
  } else if (!wasUsed) {
    // A service whose standard input is empty would end without a word.
    const command = `${serveCommandName(context)} --listen ${PERSON_ADDRESS}`;
    say(`standard input ended before a client said anything; a port is served with: ${command}`);
  }
}

interface Served {
  readonly listeners: readonly Listener[];
  readonly server: AppServer;
  readonly runtime: Runtime;
}

/** Lets nobody in, ends what runs, and only then the connections: clients hear how their turns ended. */
async function shutDown({ listeners, server, runtime }: Served): Promise<void> {
  try {
    for (const listener of listeners) await listener.close();
  } finally {
    try {
      await server.drain();
      await runtime.close({ timeoutMs: STOP_MS });
    } finally {
      await server.close();
    }
  }
}
