/**
 * What `skein serve` does once its first client may have been greeted: it opens the home, listens where clients
 * connect, and hands them to the server, until it is told to stop.
 *
 * Standard output is the client's where one of the addresses is `stdio://`: everything else is said on standard error.
 */
import type { Agent } from "../../actors/index.ts";
import type { Runtime } from "../../runtime/index.ts";
import {
  type AppServer,
  type CheckpointStore,
  createAppServer,
  createNodeRelay,
  openCheckpointFiles,
} from "../../server/index.ts";
import type { Reception } from "../../server/reception/index.ts";
import { type Listener, openListener } from "../../server/transports/index.ts";
import { makeAgent } from "../agent-choice.ts";
import type { CliContext } from "../cli-context.ts";
import { furtherCommands, serveCommandName } from "../command-name.ts";
import type { Entrance } from "../entrance.ts";
import { toDurabilityText } from "../format/durability-text.ts";
import { toServeScreen } from "../format/serve-screen.ts";
import { explainListenError } from "../listen-error.ts";
import { makeHome } from "../make-home.ts";
import { withRuntime } from "../open-home.ts";
import { durabilityOfStore, type StoreDurability } from "../../store/index.ts";
import { isDatabase, storePlaceOf } from "../open-store.ts";
import { toJsonLine } from "../output.ts";
import { nodeOf, PERSON_ADDRESS, type ServeOptions, STDIO_ADDRESS } from "../serve-options.ts";
import type { StopSignal } from "../stop-signal.ts";

/** Milliseconds before each piece of an echo: as no model does, it would end its turn before some clients listen. */
const ECHO_DELAY_MS = 5;
/** Milliseconds that interrupting and recording what runs may take. */
const STOP_MS = 10_000;

/** What is there before the home is opened. */
export interface Serving {
  readonly options: ServeOptions;
  readonly addresses: readonly string[];
  /** Standard input, where it is the client. */
  readonly stdio: Listener | null;
  readonly entrance: Entrance;
  /** Where clients wait until the server is there. */
  readonly reception: Reception;
  readonly stop: StopSignal;
}

/** Opens the home, and serves until it is told to stop. Rejects with what can't be opened. */
export async function serveHome(context: CliContext, serving: Serving): Promise<void> {
  const { options, addresses, stdio, entrance, reception, stop } = serving;
  const agent = makeAgent(context, options, ECHO_DELAY_MS);
  await makeHome(context.home);
  // Filling rows may take long: whatever asks for the end ends that as well, and not Ctrl-C alone.
  const opening: CliContext = { ...context, onInterrupt: (run) => context.onStop(run) };
  const isNode = isDatabase(context.store);
  const listeners: Listener[] = stdio === null ? [] : [stdio];
  const openListeners = async (): Promise<void> => {
    for (const address of addresses) {
      if (address !== STDIO_ADDRESS) listeners.push(await listen(context, { entrance, options, address }));
    }
  };
  try {
    // A node tells the others where it is as it opens its store: what connects meanwhile waits at the reception.
    if (isNode) await openListeners();
    const node = isNode ? { node: nodeOf(options, placesOf(listeners)) } : {};
    await withRuntime(opening, { agent, mayMakeHome: true, ...node }, async (runtime) => {
      const { home, cwd, clock, logger, env } = context;
      const { checkpoints, close: closeCheckpoints } = await openCheckpoints(context);
      const relay = isNode ? { relay: createNodeRelay({ token: env["SKEIN_TOKEN"] }) } : {};
      const server = createAppServer({ runtime, agent, home, cwd, checkpoints, clock, logger, ...relay });
      try {
        if (!isNode) await openListeners();
        reception.open(server);
        const durability = durabilityOfStore(runtime.store);
        await introduce(context, { addresses: placesOf(listeners), agent, options, durability });
        const inputEnded = listeners.map((listener) => listener.ended.then(() => "input ended" as const));
        const why = await Promise.race([stop.asked.then(() => "asked" as const), ...inputEnded]);
        sayStopping(context, { addresses, why, wasUsed: entrance.wasUsed });
      } finally {
        try {
          await shutDown({ listeners, server, runtime });
        } finally {
          await closeCheckpoints();
        }
      }
    });
  } finally {
    // Closed already, but where the store could not be opened.
    for (const listener of listeners) if (listener !== stdio) await listener.close();
  }
}

interface OpenedCheckpoints {
  readonly checkpoints: CheckpointStore;
  readonly close: () => Promise<void>;
}

/** Where the threads are: consumers find them at whichever node they come back. */
async function openCheckpoints({ home, store, clock, logger }: CliContext): Promise<OpenedCheckpoints> {
  if (store === undefined || !isDatabase(store)) {
    return { checkpoints: await openCheckpointFiles({ home, clock, logger }), close: async () => {} };
  }
  const { openPostgresCheckpoints } = await import("../../postgres/index.ts");
  const checkpoints = await openPostgresCheckpoints({ url: store, clock, logger });
  return { checkpoints, close: () => checkpoints.close() };
}

function placesOf(listeners: readonly Listener[]): readonly string[] {
  return listeners.map(({ address }) => address);
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
  readonly durability: StoreDurability;
}

/** Says where it listens, on standard error where standard output is a client's. */
async function introduce(context: CliContext, introduction: Introduction): Promise<void> {
  const { addresses, agent, options, durability } = introduction;
  const { home, out, err, json, env } = context;
  const isStdio = addresses.includes(STDIO_ADDRESS);
  const choice = { home, agent: options.agent, model: options.model ?? agent.defaultModel };
  if (json) await (isStdio ? err : out).write(`${toJsonLine({ listening: addresses, ...choice, durability })}\n`);
  if (json || isStdio) return;
  const screen = {
    ...choice,
    addresses,
    ...(context.store === undefined
      ? {}
      : { store: { place: storePlaceOf(context), durability: toDurabilityText(durability) } }),
    hasToken: (env["SKEIN_TOKEN"] ?? "") !== "",
    ...furtherCommands(context),
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
