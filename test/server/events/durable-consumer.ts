/**
 * A durable consumer and what happens to it: it acknowledges, goes away, comes back, is taken over, outlives the
 * server. After each step it checks what must be true of all that it was told. Not a test.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { CheckpointStore } from "../../../src/server/index.ts";
import type { Consumer, FeedWorld, Subscribed } from "./feed-world.ts";

const consumerStep = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("append" as const), count: fc.integer({ min: 1, max: 12 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({ do: fc.constant("acknowledge" as const), share: fc.integer({ min: 0, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("flood" as const), count: fc.integer({ min: 2, max: 6 }) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("receive" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("reconnect" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("takeOver" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
);
type Step = typeof consumerStep extends fc.Arbitrary<infer Value> ? Value : never;

export const consumerRun = fc.record({
  steps: fc.array(consumerStep, { minLength: 1, maxLength: 25 }),
  window: fc.constantFrom(1, 2, 5, 300),
  stored: fc.integer({ min: 1, max: 20 }),
  recordBytes: fc.constantFrom(10, 10, 400_000),
});
type Run = typeof consumerRun extends fc.Arbitrary<infer Value> ? Value : never;

/** One consumer with a checkpoint, over all its connections, and what must be true of it. */
export class DurableConsumer {
  readonly #world: FeedWorld;
  readonly #threadId: string;
  readonly #run: Run;
  readonly #checkpointsOf: () => Promise<CheckpointStore>;
  #client: Consumer | null = null;
  #subscribed: Subscribed = { subscriptionId: "", from: 0, nextOrdinal: 0 };
  /** The first ordinal that is not done, as the last acknowledgement that was answered said. */
  #acknowledged = 0;
  /** The highest that was asked for; it may be kept without an answer. */
  #asked = 0;
  #length: number;

  constructor(world: FeedWorld, threadId: string, run: Run, checkpointsOf: () => Promise<CheckpointStore>) {
    this.#world = world;
    this.#threadId = threadId;
    this.#run = run;
    this.#checkpointsOf = checkpointsOf;
    this.#length = run.stored + 1;
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "append":
        await this.append(step.count);
        break;
      case "acknowledge":
        await this.acknowledge(this.#received() - Math.min(step.share, this.#received() - this.#acknowledged));
        break;
      case "flood":
        await this.#flood(step.count);
        break;
      case "receive":
        await this.receive();
        break;
      case "reconnect":
        this.#client?.disconnect();
        await this.connect();
        break;
      case "takeOver":
        await this.#takeOver();
        break;
      case "restart":
        await this.#world.restart(await this.#checkpointsOf());
        await this.connect();
        break;
    }
    this.check();
  }

  async append(count: number): Promise<void> {
    const text = "x".repeat(this.#run.recordBytes);
    await this.#world.say(this.#threadId, ...Array.from({ length: count }, () => text));
    this.#length += count;
  }

  async connect(): Promise<void> {
    this.#client = await this.#world.consumer();
    const { window } = this.#run;
    this.#subscribed = await this.#client.subscribe({ threadId: this.#threadId, checkpoint: "law", window });
    const { from, nextOrdinal } = this.#subscribed;
    ok(from >= this.#acknowledged);
    ok(from <= this.#asked);
    equal(nextOrdinal, this.#length);
    this.#acknowledged = from;
  }

  async acknowledge(nextOrdinal: number): Promise<void> {
    this.#asked = Math.max(this.#asked, nextOrdinal);
    await this.#live().acknowledge(this.#subscribed.subscriptionId, nextOrdinal);
    this.#acknowledged = Math.max(this.#acknowledged, nextOrdinal);
  }

  /** Waits for all that the window, and the bytes, let through. */
  async receive(): Promise<void> {
    const { window, recordBytes } = this.#run;
    const withinBytes = Math.max(1, Math.floor((4 * 1024 * 1024) / (recordBytes + 200)));
    const expected = Math.min(this.#length, this.#acknowledged + Math.min(window, withinBytes));
    await this.#live().until(() => this.#received() >= expected);
  }

  /** Several acknowledgements at once, and gone before they are answered. */
  async #flood(count: number): Promise<void> {
    const [from, to] = [this.#acknowledged, this.#received()];
    const client = this.#live();
    for (let nth = 1; nth <= count; nth += 1) {
      this.#asked = Math.max(this.#asked, from + Math.floor(((to - from) * nth) / count));
      void client.acknowledge(this.#subscribed.subscriptionId, this.#asked);
    }
    client.disconnect();
    await this.connect();
  }

  /** The old connection lingers, and is told that it was taken over. */
  async #takeOver(): Promise<void> {
    const [older, { subscriptionId }] = [this.#live(), this.#subscribed];
    await this.connect();
    deepEqual(older.endings(subscriptionId), ["taken over by another subscriber"]);
    const told = older.records(subscriptionId).length;
    await this.append(1);
    await this.receive();
    equal(older.records(subscriptionId).length, told);
  }

  check(): void {
    const { from, subscriptionId } = this.#subscribed;
    const ordinals = this.#live()
      .records(subscriptionId)
      .map(({ ordinal }) => ordinal);
    deepEqual(
      ordinals,
      Array.from({ length: ordinals.length }, (_, place) => from + place),
    );
    ok(this.#received() <= Math.min(this.#length, this.#asked + this.#run.window));
    deepEqual(this.#live().endings(subscriptionId), []);
  }

  async finish(): Promise<void> {
    while (this.#acknowledged < this.#length) {
      await this.receive();
      await this.acknowledge(this.#received());
      this.check();
    }
    this.#client?.disconnect();
    await this.connect();
    equal(this.#subscribed.from, this.#length);
    this.#client?.disconnect();
  }

  /** The ordinal after the last one that came. */
  #received(): number {
    return this.#live().records(this.#subscribed.subscriptionId).length + this.#subscribed.from;
  }

  #live(): Consumer {
    if (this.#client === null) throw new Error("it is not connected");
    return this.#client;
  }
}
