/**
 * Laws of a thread's feed over the wire, with a real server and a network that is cut at any message: the consumer
 * gets every record once, in order; and with a checkpoint, one that begins anew goes on no later than it came, and no
 * earlier than was acknowledged to it.
 */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";

import type { ThreadEventsOptions } from "../../src/client/index.ts";
import { createMemoryCheckpoints } from "../../src/server/checkpoint-store.ts";
import { FeedWorld } from "../server/events/feed-world.ts";
import { AT_ONCE, dialClient } from "./client-harness.ts";
import { createMemoryNetwork } from "./memory-network.ts";

const open: FeedWorld[] = [];
afterEach(async () => {
  for (const world of open.splice(0)) await world.close();
});

async function world(checkpoints = createMemoryCheckpoints()): Promise<FeedWorld> {
  const made = await FeedWorld.open({ checkpoints });
  open.push(made);
  return made;
}

const batches = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 12 });
/** Nothing but the handshake, some records, or many of them. */
const cuts = fc.array(fc.oneof(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 40 })), { maxLength: 12 });
const pauses = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 8 });
const windowSize = fc.integer({ min: 1, max: 20 });

/** Reads until it has this many records; `pauses` are turns of the event loop between them, over and over. */
async function read(
  client: Awaited<ReturnType<typeof dialClient>>,
  threadId: string,
  options: ThreadEventsOptions & { readonly count: number; readonly pauses: readonly number[] },
): Promise<readonly number[]> {
  const { count, pauses: turns, ...rest } = options;
  const ordinals: number[] = [];
  if (count === 0) return ordinals;
  for await (const event of client.threadEvents(threadId, rest)) {
    if (event.type === "record") ordinals.push(event.record.ordinal);
    if (ordinals.length >= count) break;
    const pause = turns[ordinals.length % turns.length] ?? 0;
    for (let turn = 0; turn < pause; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  return ordinals;
}

/** The first connection gets through its handshake: it is tried once, and a client that never began is another test's. */
function begun([first, ...others]: readonly number[]): readonly number[] {
  return first === undefined ? [] : [first + HANDSHAKE_MESSAGES, ...others];
}

/** initialize and its answer. */
const HANDSHAKE_MESSAGES = 2;

function range(from: number, to: number): readonly number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}

describe("a feed across lost connections", () => {
  test("tells every record once and in order, whenever the network is cut", { timeout: 60_000 }, async () => {
    const { thread, say, server } = bound(await world());
    const law = fc.asyncProperty(batches, cuts, pauses, windowSize, async (sizes, plan, turns, window) => {
      const threadId = await thread("first");
      const network = createMemoryNetwork(server().accept, begun(plan));
      const client = await dialClient(network.dial, { reconnect: { ...AT_ONCE, attemptsMax: 100 } });
      const total = 2 + sizes.reduce((sum, size) => sum + size, 0);
      const reading = read(client, threadId, { count: total, pauses: turns, window, signals: true });
      for (const size of sizes) {
        await say(threadId, ...range(0, size).map(String));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(await reading).toEqual(range(0, total));
      await client.close();
    });
    await fc.assert(law);
  });

  test("with a checkpoint, consumers that come one after another leave out nothing", { timeout: 60_000 }, async () => {
    const { thread, say, server } = bound(await world());
    const lives = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), cuts), { minLength: 1, maxLength: 4 });
    const law = fc.asyncProperty(lives, pauses, windowSize, async (consumers, turns, window) => {
      const threadId = await thread("first");
      await say(threadId, ...range(0, 38).map(String));
      let next = 0;
      for (const [count, plan] of [...consumers, [1, []] as const]) {
        const network = createMemoryNetwork(server().accept, begun(plan));
        const client = await dialClient(network.dial, { reconnect: { ...AT_ONCE, attemptsMax: 100 } });
        const wanted = Math.min(count, 40 - next);
        const ordinals = await read(client, threadId, { count: wanted, pauses: turns, window, checkpoint: "c" });
        await client.close();
        const first = ordinals[0] ?? next;
        expect(ordinals).toEqual(range(first, first + ordinals.length));
        // The one that was left in hand comes again, and what was acknowledged in a connection that was cut then.
        expect(first).toBeLessThanOrEqual(next);
        next = Math.max(next, first + ordinals.length);
        if (ordinals.length > 1 && plan.length === 0) {
          expect(await stored(server(), threadId)).toBe(first + ordinals.length - 1);
        }
      }
    });
    await fc.assert(law);
  });
});

async function stored(server: FeedWorld["server"], threadId: string): Promise<number | null> {
  return await server.context.subscriptions.readCheckpoint({ name: "c", threadId });
}

function bound(made: FeedWorld) {
  return {
    thread: made.thread.bind(made),
    say: made.say.bind(made),
    server: () => made.server,
  };
}
