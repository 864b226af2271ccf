/**
 * `skein serve`: the home's threads for clients that speak Codex's app-server protocol. It serves until it is told
 * to stop (Ctrl-C, SIGTERM, or the end of standard input where that is the client), then interrupts what runs,
 * records that, and ends within a bounded time. A second Ctrl-C ends it at once.
 *
 * A parent that started this waits for its first answer. So standard input is read, and the client there greeted,
 * before the rest is loaded and the home is opened (decision 19); other places are listened at when that is done.
 */
import { nextLoopTurn } from "../../base/index.ts";
import { createReception } from "../../server/reception/index.ts";
import { openListener, TRANSPORT_LIMITS } from "../../server/transports/index.ts";
import type { CliContext } from "../cli-context.ts";
import { createEntrance, type Entrance } from "../entrance.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { addressesOf, type ServeOptions, STDIO_ADDRESS } from "../serve-options.ts";
import { listenForStop } from "../stop-signal.ts";

/** Turns of the event loop in which a message that a parent sent with the start is read. */
const FIRST_MESSAGE_TURNS = 8;
/** Milliseconds that clients have to take what waits for them when all is closed, and a little more. */
const LEAVE_MS = TRANSPORT_LIMITS.closeMs + 1_000;

/** Serves until it is told to stop. */
export async function runServe(context: CliContext, options: ServeOptions): Promise<ExitCode> {
  const addresses = addressesOf(context, options);
  const { home, clock, logger } = context;
  const reception = createReception({ home, logger });
  const entrance = createEntrance(reception.accept);
  const stop = listenForStop(context);
  const isStdio = addresses.includes(STDIO_ADDRESS);
  const stdio = isStdio ? await openListener(STDIO_ADDRESS, { clock, logger }, entrance.accept) : null;
  try {
    if (stdio !== null) await greetFirst(entrance);
    const { serveHome } = await import("./serve-home.ts");
    await serveHome(context, { options, addresses, stdio, entrance, reception, stop });
    return EXIT.ok;
  } catch (error) {
    reception.fail(error);
    throw error;
  } finally {
    stop.release();
    context.endWithin(LEAVE_MS);
  }
}

/** Lets a message that is there already be answered: loading the rest holds the event loop for longer than that. */
async function greetFirst(entrance: Entrance): Promise<void> {
  for (let turn = 0; turn < FIRST_MESSAGE_TURNS && !entrance.wasUsed; turn += 1) await nextLoopTurn();
  // The answer is written at the end of the turn.
  await nextLoopTurn();
}
