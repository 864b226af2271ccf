/**
 * Agents that keep none of the port's promises: they yield nonsense, throw where nothing may throw,
 * answer no step, or never let go of the event loop. Each is its own turn's failure, said in the log;
 * the thread goes on.
 */
import { afterEach, describe, expect, test } from "vitest";

import { type Agent, type AgentEvent, scriptedAgent } from "../../src/actors/index.ts";
import { SkeinError } from "../../src/base/index.ts";
import { type ActorFixture, eventsOf, openFixture, STORE_KINDS } from "./actor-fixture.ts";

let fixture: ActorFixture;
afterEach(async () => await fixture.close());

type Steps = Partial<Record<"next" | "return", () => unknown>>;

/** An agent whose first run is the given iterator; later runs answer properly. */
function oddAgent(first: () => unknown): Agent {
  const good = scriptedAgent({ turns: [[{ say: "fine" }]] });
  let runs = 0;
  return {
    name: "odd",
    provider: null,
    defaultModel: "odd-1",
    run: (request) => {
      runs += 1;
      return runs === 1 ? (first() as AsyncIterable<AgentEvent>) : good.run(request);
    },
  };
}

const steps = (own: Steps): (() => unknown) => {
  return () => ({ [Symbol.asyncIterator]: () => own });
};

function yielding(...values: readonly unknown[]): () => unknown {
  return () =>
    (async function* () {
      for (const value of values) yield value;
    })();
}

const circular: Record<string, unknown> = { type: "message", role: "assistant", content: [] };
circular["self"] = circular;
const counts = {
  input_tokens: 1,
  cached_input_tokens: 0,
  output_tokens: 1,
  reasoning_output_tokens: 0,
  total_tokens: 2,
};
const throwing = {
  get type(): string {
    throw new Error("looked at");
  },
};

const NONSENSE: readonly (readonly [string, () => unknown])[] = [
  ["gives no iterable", () => undefined],
  ["gives no iterator", () => ({ [Symbol.asyncIterator]: () => null })],
  ["gives an iterator without next", steps({})],
  ["answers undefined for a step", steps({ next: () => undefined })],
  ["answers a number for a step", steps({ next: () => Promise.resolve(5) })],
  ["answers an empty step", steps({ next: () => ({}) })],
  [
    "throws in next, at once",
    steps({
      next: () => {
        throw new Error("at once");
      },
    }),
  ],
  ["rejects next with nothing", steps({ next: () => Promise.reject(undefined) })],
  ["rejects next with what can't be read", steps({ next: () => Promise.reject(Object.create(null)) })],
  [
    "rejects next with half a SkeinError",
    steps({ next: () => Promise.reject({ code: "io_error", kind: "fault", retryable: true }) }),
  ],
  [
    "answers a step whose done throws",
    steps({
      next: () => ({
        get done(): boolean {
          throw new Error("done");
        },
      }),
    }),
  ],
  ["yields null", yielding(null)],
  ["yields undefined", yielding(undefined)],
  ["yields a text", yielding("hello")],
  ["yields an array", yielding([])],
  ["yields an event of a type that is none", yielding({ type: 5n })],
  ["yields an event whose type throws", yielding(throwing)],
  ["yields an unknown event in a circle", yielding(circular)],
  ["yields an item in a circle", yielding({ type: "item", item: circular })],
  ["yields an item with a BigInt", yielding({ type: "item", item: { type: "custom_tool_call", input: 5n } })],
  ["yields an item whose type throws", yielding({ type: "item", item: throwing })],
  ["yields no item", yielding({ type: "item" })],
  ["yields an item under an id that is none", yielding({ type: "item", item: { type: "message" }, itemId: 5 })],
  ["yields no display event", yielding({ type: "event" })],
  ["yields a display event in a circle", yielding({ type: "event", event: { ...circular, type: "patch_apply_end" } })],
  ["yields a delta that is no text", yielding({ type: "text_delta", itemId: "a", delta: 5n })],
  ["yields a start of no kind", yielding({ type: "item_started", itemId: "a", kind: "song" })],
  ["yields no usage", yielding({ type: "usage" })],
  ["yields usage without counts", yielding({ type: "usage", usage: { ...counts, total_tokens: Number.NaN } })],
  ["yields usage with a window that is none", yielding({ type: "usage", usage: counts, contextWindow: "big" })],
];

describe.each(STORE_KINDS)("on a %s store, an agent that", (kind) => {
  test.each(NONSENSE)("%s fails its turn, says why in the log, and the thread goes on", async (_title, first) => {
    fixture = await openFixture({ agent: oddAgent(first), kind });
    const thread = await fixture.manager.start();
    const ended = await (await thread.startTurn("go")).completed;
    expect(ended).toMatchObject({ status: "failed", error: { message: expect.stringMatching(/./) } });
    expect(eventsOf(await fixture.records(thread.id), "error")).toHaveLength(1);
    expect(thread.snapshot().state).toBe("idle");
    const states = fixture.signals(thread.id).flatMap((told) => (told.type === "status_changed" ? [told.state] : []));
    expect(states).not.toContain("failed");
    expect((await (await thread.startTurn("again")).completed).status).toBe("completed");
  });
});

describe("an agent", () => {
  test("that throws as it is let go after a complete answer has completed its turn", async () => {
    const said: AgentEvent = {
      type: "item",
      item: { type: "message", role: "assistant", content: [{ type: "output_text", text: "done" }] },
    };
    let isSaid = false;
    const first = steps({
      next: () => {
        const step = isSaid ? { done: true } : { done: false, value: said };
        isSaid = true;
        return step;
      },
      return: () => {
        throw new Error("not yet");
      },
    });
    fixture = await openFixture({ agent: oddAgent(first) });
    const thread = await fixture.manager.start();
    expect(await (await thread.startTurn("go")).completed).toMatchObject({
      status: "completed",
      items: [{}, { text: "done" }],
    });
  });

  test("keeps the code of a SkeinError it throws, and only the counts of its usage", async () => {
    const failure = new SkeinError("timed_out", "too late", { kind: "fault", data: { status: 429 } });
    const first = async function* (): AsyncGenerator {
      yield { type: "usage", usage: { ...counts, odd: 5n } };
      throw failure;
    };
    fixture = await openFixture({ agent: oddAgent(first) });
    const thread = await fixture.manager.start();
    expect(await (await thread.startTurn("go")).completed).toMatchObject({ error: { message: "too late" } });
    const records = await fixture.records(thread.id);
    expect(eventsOf(records, "token_count")).toMatchObject([{ info: { last_token_usage: counts } }]);
    expect(eventsOf(records, "error")).toMatchObject([
      { codex_error_info: { response_too_many_failed_attempts: { http_status_code: 429 } } },
    ]);
  });

  test("that yields without ever waiting can be interrupted, and doesn't hold up other threads", async () => {
    const first = async function* (): AsyncGenerator {
      for (;;) yield { type: "text_delta", itemId: "a", delta: "x" };
    };
    fixture = await openFixture({ agent: oddAgent(first), onEvent: () => {} });
    const busy = await fixture.manager.start();
    const turn = await busy.startTurn("go");
    // Real turns of the event loop: they come only if the agent leaves them.
    await new Promise<void>((resolve) => setImmediate(resolve));
    const other = await fixture.manager.start();
    expect((await (await other.startTurn("meanwhile")).completed).status).toBe("completed");
    expect((await busy.interrupt(turn.turnId)).status).toBe("interrupted");
  });

  test("that yields without ever waiting is ended by a shutdown", async () => {
    const first = async function* (): AsyncGenerator {
      for (;;) yield { type: "usage", usage: counts };
    };
    fixture = await openFixture({ agent: oddAgent(first), onEvent: () => {} });
    const busy = await fixture.manager.start();
    const turn = await busy.startTurn("go");
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(await fixture.manager.shutdown()).toMatchObject({ completed: [busy.id] });
    expect((await turn.completed).status).toBe("interrupted");
    // What it reported was recorded as it came, not held until somebody ended it.
    const { data } = await fixture.store.listThreads();
    expect(data).toHaveLength(1);
    expect(eventsOf(await fixture.records(busy.id), "token_count").length).toBeGreaterThanOrEqual(64);
  });
});
