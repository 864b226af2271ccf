/**
 * Observers of a runtime: they hear everything at once and in order, keep threads loaded, and what is wrong with
 * one is nobody else's concern.
 */
import { afterEach, describe, expect, it } from "vitest";

import { echoAgent, type ManagerEvent, scriptedAgent } from "../../src/actors/index.ts";
import type { Logger } from "../../src/base/index.ts";
import { openRuntime, type Runtime, type RuntimeObserver, type RuntimeOptions } from "../../src/runtime/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import { createManualClock, drainEventLoop } from "../../src/testing/index.ts";

let runtime: Runtime;
afterEach(async () => await runtime.close());

async function open(options: Partial<RuntimeOptions> = {}): Promise<string[]> {
  const logged: string[] = [];
  const log = (_fields: unknown, message?: string): void => void logged.push(message ?? "");
  const logger = { debug: () => {}, info: () => {}, warn: log, error: log } as unknown as Logger;
  runtime = await openRuntime({ store: createMemoryThreadStore(), logger, ...options });
  return logged;
}

function wordOf(event: ManagerEvent): string {
  return event.type === "signal" ? event.signal.type : event.type;
}

describe("an observer", () => {
  it("hears what threads say while they say it, and in order", async () => {
    await open({ agent: echoAgent() });
    const heard: string[] = [];
    const active: unknown[] = [];
    runtime.observe({
      event: (event) => {
        heard.push(wordOf(event));
        active.push(runtime.thread(event.threadId)?.snapshot().activeTurnId ?? null);
      },
    });
    const thread = await runtime.startThread();
    expect(heard).toEqual(["thread_loaded"]);
    const { id } = await thread.run("hi");
    expect(heard).toEqual([
      "thread_loaded",
      "status_changed",
      "turn_started",
      "item_started",
      "item_completed",
      "item_started",
      "text_delta",
      "item_completed",
      "usage_updated",
      "status_changed",
      "turn_completed",
    ]);
    expect(active).toEqual([null, ...Array.from({ length: 8 }, () => id), null, null]);
    await thread.close();
    expect(heard.at(-1)).toBe("thread_unloaded");
  });

  it("hears it until the runtime is closed or it stops, and stops once", async () => {
    await open();
    const heard: string[][] = [[], []];
    const [stopFirst] = heard.map((list) => runtime.observe({ event: (event) => void list.push(wordOf(event)) }));
    await runtime.startThread();
    stopFirst?.();
    stopFirst?.();
    await runtime.close();
    expect(heard).toEqual([
      ["thread_loaded"],
      ["thread_loaded", "status_changed", "status_changed", "thread_unloaded"],
    ]);
    expect(() => runtime.observe({ event: () => {} })).toThrow(expect.objectContaining({ code: "runtime_closed" }));
  });

  it("that comes or goes while something is told changes nothing about that telling", async () => {
    await open();
    const heard: string[] = [];
    let stopLate = (): void => {};
    const stop = runtime.observe({
      event: () => {
        heard.push("early");
        stop();
        stopLate();
        runtime.observe({ event: () => void heard.push("new") });
      },
    });
    stopLate = runtime.observe({ event: () => void heard.push("late") });
    await runtime.startThread();
    expect(heard).toEqual(["early", "late"]);
    await runtime.startThread();
    expect(heard).toEqual(["early", "late", "new"]);
  });

  it("that throws is logged, and threads, feeds and other observers go on", async () => {
    const logged = await open({ agent: scriptedAgent({ turns: [[{ say: "ok" }]] }) });
    const heard: string[] = [];
    runtime.observe({
      event: () => {
        throw new Error("a bug");
      },
    });
    runtime.observe({ event: (event) => void heard.push(wordOf(event)) });
    const feed = runtime.events()[Symbol.asyncIterator]();
    const thread = await runtime.startThread();
    expect((await thread.run("hi")).status).toBe("completed");
    expect((await feed.next()).value).toMatchObject({ type: "thread_loaded" });
    expect(heard.at(-1)).toBe("turn_completed");
    expect(logged[0]).toBe("an observer of the runtime threw");
    expect(logged).toHaveLength(heard.length);
    await feed.return?.();
  });

  it.each([undefined, null, "x", {}, { event: 1 }])("that is %j is refused", async (observer) => {
    await open();
    expect(() => runtime.observe(observer as unknown as RuntimeObserver)).toThrow(
      expect.objectContaining({ code: "invalid_argument" }),
    );
  });
});

describe("an idle thread", () => {
  it("stays loaded while an observer wants it", async () => {
    const clock = createManualClock();
    await open({ clock, idleUnloadMs: 1_000 });
    const wanted = new Set<string>();
    runtime.observe({ event: () => {} });
    runtime.observe({ event: () => {}, keepsLoaded: (threadId) => wanted.has(threadId) });
    const kept = await runtime.startThread();
    const dropped = await runtime.startThread();
    wanted.add(kept.id);
    await clock.run(1_500);
    await drainEventLoop();
    expect(runtime.listLoaded()).toEqual([kept.id]);
    expect(runtime.thread(dropped.id)).toBeUndefined();
    wanted.clear();
    await clock.run(1_500);
    await drainEventLoop();
    expect(runtime.listLoaded()).toEqual([]);
  });

  it("stays loaded for an observer that throws when it is asked", async () => {
    const clock = createManualClock();
    const logged = await open({ clock, idleUnloadMs: 1_000 });
    runtime.observe({
      event: () => {},
      keepsLoaded: () => {
        throw new Error("a bug");
      },
    });
    const thread = await runtime.startThread();
    await clock.run(1_500);
    await drainEventLoop();
    expect(runtime.listLoaded()).toEqual([thread.id]);
    expect(logged[0]).toMatch(/keepsLoaded .* threw; the thread stays loaded/);
  });
});
