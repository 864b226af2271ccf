/**
 * Losing a connection and making it again: how long is waited, what is subscribed to again and told of it, in which
 * order, and that nothing of a closed client goes on.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { backOffMs } from "../../src/client/back-off.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/manual-clock.ts";
import { AT_ONCE, dialClient, rejected, until } from "./client-harness.ts";
import { createMemoryNetwork } from "./memory-network.ts";
import { createScriptedServer, type Script, WireRefusal } from "./scripted-server.ts";

const NO_JITTER = (): Uint8Array => new Uint8Array([0]);

async function open(script: Script, options: Parameters<typeof dialClient>[1] = {}) {
  const server = createScriptedServer(script);
  const network = createMemoryNetwork(server.acceptor);
  const client = await dialClient(network.dial, options);
  const told: unknown[] = [];
  client.notifications.subscribe((event) => told.push(event));
  const again = async (): Promise<void> => {
    const { dialled } = network;
    network.cut();
    await until(() => network.dialled === dialled + 1 && client.status.state === "connected");
  };
  return { server, network, client, told, again };
}

describe("the time before an attempt", () => {
  test("doubles up to its bound, and lies between half of it and all of it", () => {
    const bounds = { delayMs: 100, delayMaxMs: 5_000 };
    const longest = [0, 1, 2, 3, 4, 5, 6, 30, 2_000].map((attempt) =>
      backOffMs(attempt, bounds, () => new Uint8Array([255])),
    );
    expect(longest).toEqual([100, 200, 399, 798, 1_597, 3_194, 4_990, 4_990, 4_990]);
    const law = fc.property(fc.nat(5_000), fc.integer({ min: 0, max: 255 }), (attempt, byte) => {
      const delayMs = backOffMs(attempt, bounds, () => new Uint8Array([byte]));
      expect(delayMs).toBeGreaterThanOrEqual(Math.min(bounds.delayMaxMs, bounds.delayMs * 2 ** attempt) / 2);
      expect(delayMs).toBeLessThanOrEqual(bounds.delayMaxMs);
    });
    fc.assert(law);
  });

  test("passes before each of them, and the attempts end with their time", async () => {
    const clock = createManualClock();
    const server = createScriptedServer();
    const network = createMemoryNetwork(server.acceptor);
    const reconnect = { delayMs: 100, delayMaxMs: 1_000, totalMsMax: 1_000, attemptsMax: 100 };
    const client = await dialClient(network.dial, { clock, reconnect, fillRandom: NO_JITTER });
    const waits: number[] = [];
    client.statusChanges.subscribe((status) => {
      if ("state" in status && status.state === "reconnecting") waits.push(status.delayMs);
    });
    network.serve(null);
    network.cut();
    await until(() => waits.length === 1);
    clock.advance(49);
    await drainEventLoop();
    expect(waits).toEqual([50]);
    while (client.status.state !== "closed") {
      clock.advance(clock.nextTimerInMs() ?? 0);
      await drainEventLoop();
    }
    // 50 + 100 + 200 + 400 + 500 ms: then the second is over.
    expect(waits).toEqual([50, 100, 200, 400, 500]);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("is not waited for by a client that is closed meanwhile, nor is anything dialled", async () => {
    const clock = createManualClock();
    const server = createScriptedServer();
    const network = createMemoryNetwork(server.acceptor);
    const client = await dialClient(network.dial, { clock });
    network.cut();
    await until(() => client.status.state === "reconnecting");
    const waiting = rejected(client.requestOther("x", {}));
    await client.close();
    expect(await waiting).toMatchObject({ code: "connection_lost", message: "the client was closed" });
    clock.advance(60_000);
    await drainEventLoop();
    expect(network.dialled).toBe(1);
    expect(clock.pendingTimers()).toBe(0);
  });

  test("is none where reconnecting is switched off: the loss is the end", async () => {
    const { network, client } = await open(() => undefined, { reconnect: false });
    const waiting = rejected(client.requestOther("x", {}));
    network.cut("unplugged");
    expect(await waiting).toMatchObject({ code: "connection_lost" });
    await until(() => client.status.state === "closed");
    expect(client.status).toMatchObject({ failure: { code: "connection_lost", retryable: true } });
  });
});

describe("after a loss", () => {
  const threads: Script = (_client, { method, params }) => {
    const { threadId = "" } = params as { readonly threadId?: string };
    switch (method) {
      case "thread/start":
        return { thread: { id: "started" } };
      case "thread/fork":
        return { thread: { id: "forked" } };
      case "review/start":
        return { reviewThreadId: "review" };
      case "thread/resume":
        if (threadId !== "refused") return { thread: { id: threadId } };
        throw new WireRefusal({ code: -32_600, message: "no rollout found" });
      default:
        return {};
    }
  };

  test("the client's threads are subscribed to again before anything else is asked", async () => {
    const { server, client, told, again } = await open(threads, { reconnect: AT_ONCE });
    await client.requestOther("thread/start", {});
    await client.requestOther("thread/fork", { threadId: "x" });
    await client.requestOther("thread/resume", { threadId: "resumed" });
    await client.requestOther("review/start", { threadId: "x" });
    for (const threadId of ["left", "archived", "closed"]) await client.requestOther("thread/resume", { threadId });
    await client.requestOther("thread/unsubscribe", { threadId: "left" });
    await client.requestOther("thread/archive", { threadId: "archived" });
    server.client.tell("thread/closed", { threadId: "closed" });
    await until(() => told.length === 1);
    await again();
    expect(server.client.seen.map(({ method, params }) => [method, params]).slice(2)).toEqual(
      ["started", "forked", "resumed", "review"].map((threadId) => ["thread/resume", { threadId, excludeTurns: true }]),
    );
    expect(told.slice(1)).toEqual([{ type: "reconnected" }]);
  });

  test("a thread that can't be is told of, and not tried again", async () => {
    let isThere = true;
    const { server, client, told, again } = await open(
      (served, message) =>
        isThere && message.method === "thread/resume" ? { thread: { id: "refused" } } : threads(served, message),
      { reconnect: AT_ONCE },
    );
    await client.requestOther("thread/resume", { threadId: "refused" });
    isThere = false;
    await again();
    await until(() => told.length === 2);
    expect(told).toMatchObject([
      { type: "reconnected" },
      { type: "unsubscribed", threadId: "refused", error: { code: "request_refused", message: "no rollout found" } },
    ]);
    await again();
    expect(server.client.requests("thread/resume")).toEqual([]);
  });

  test("a client that does not want it, or may not leave out turns, has its way", async () => {
    const plain = await open(threads, { reconnect: AT_ONCE, experimental: false });
    await plain.client.requestOther("thread/start", {});
    await plain.again();
    expect(plain.server.client.requests("thread/resume").map(({ params }) => params)).toEqual([
      { threadId: "started" },
    ]);
    const quiet = await open(threads, { reconnect: AT_ONCE, resubscribe: false });
    await quiet.client.requestOther("thread/start", {});
    await quiet.again();
    expect(quiet.server.client.requests("thread/resume")).toEqual([]);
  });

  test("another loss while threads are subscribed to again is survived like the first", async () => {
    let resumes = 0;
    const { network, client } = await open(
      (served, message) => {
        if (message.method === "thread/resume" && (resumes += 1) === 1) served.connection.close("again");
        return threads(served, message);
      },
      { reconnect: AT_ONCE },
    );
    await client.requestOther("thread/start", {});
    network.cut();
    await until(() => client.status.state === "reconnecting");
    expect(await client.requestOther("other", {})).toEqual({});
    expect([network.dialled, resumes]).toEqual([3, 2]);
  });
});
