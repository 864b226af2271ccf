/**
 * A node of the PostgreSQL crash test: a process with a store of its own that appends to many threads at once, and
 * says each append before it asks for it and after it was acknowledged. What fails is asked for again under the same
 * idempotency key; a writer that is refused is opened anew, when its thread is free.
 * It ends when its standard input does.
 *
 * `pg-node-child.ts WISH`, a NodeWish as JSON
 */
import { writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

import { isSkeinError } from "../../src/base/index.ts";
import { openPostgresThreadStore, type PostgresStore } from "../../src/store/postgres/index.ts";
import type { OpenedThread } from "../../src/store/index.ts";
import { batchItems, createRandom } from "./crash-reports.ts";
import { digestOf, messageOf, type NodeReport, type NodeWish } from "./pg-reports.ts";

const { url, schema, node, seed, leaseTtlMs, own, others } = JSON.parse(process.argv[2] ?? "{}") as NodeWish;
const random = createRandom(seed);
/** A thread of a node that is alive is asked for again after this long. */
const TAKE_PAUSE_MS = 100;
/** A new owner does nothing for so long at most. */
const IDLE_MS_MAX = 300;
/** After a failure. */
const RETRY_PAUSE_MS = 20;
/** A server may be killed while a node is opened on it, and takes its time to start on a busy machine. */
const OPEN_MS_MAX = 40_000;
const store = await openStore();
let isEnding = false;

/** Opens the store, anew as whoever starts nodes would start one that met no server. */
async function openStore(): Promise<PostgresStore> {
  const endMs = performance.now() + OPEN_MS_MAX;
  for (;;) {
    try {
      return await openPostgresThreadStore({ url, schema, leaseTtlMs, node: { id: node } });
    } catch (error) {
      if (!isSkeinError(error) || !error.retryable || performance.now() > endMs) throw error;
      await delay(RETRY_PAUSE_MS);
    }
  }
}

/** Straight into the pipe: what was said stays said, however this process ends. */
function say(report: NodeReport): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}

/** A thread that this node appends to: a writer, while it has one, and appends of several lanes on it. */
class ThreadWork {
  readonly threadId: string;
  #opened: Promise<OpenedThread> | undefined;
  /** The ordinal behind what was acknowledged, as far as this node knows. */
  #next = 0;
  #number = 0;

  constructor(threadId: string) {
    this.threadId = threadId;
  }

  /** Appends until the node ends. `isAlone`: no other lane appends to the thread. */
  async run(isAlone: boolean): Promise<void> {
    let batch: Batch | undefined;
    while (!isEnding) {
      const opened = this.#open();
      try {
        const { writer } = await opened;
        batch ??= this.#nextBatch();
        const condition = isAlone && random() < 0.5 ? { expectedOrdinal: this.#next } : {};
        const { items, name } = batch;
        const answer = await store.appendItems({ writer, items, idempotencyKey: name, ...condition });
        say({ say: "done", batch: name, firstOrdinal: answer.firstOrdinal, duplicate: answer.duplicate });
        this.#next = Math.max(this.#next, answer.nextOrdinal);
        batch = undefined;
      } catch (error) {
        const code = isSkeinError(error) ? error.code : "no code";
        say({ say: "failed", threadId: this.threadId, code, text: String(error).slice(0, 300) });
        // Where only the answer was lost the writer may be good still; a refusal is for good.
        const isGood = isSkeinError(error) && error.retryable && code !== "thread_owned_elsewhere";
        if (!isGood && this.#opened === opened) this.#opened = undefined;
        await delay(code === "thread_owned_elsewhere" ? TAKE_PAUSE_MS : RETRY_PAUSE_MS);
      }
    }
  }

  #open(): Promise<OpenedThread> {
    this.#opened ??= this.#openWriter();
    return this.#opened;
  }

  async #openWriter(): Promise<OpenedThread> {
    const { threadId } = this;
    const opened = await store.resumeThread({ threadId }).catch(async (error: unknown) => {
      if (!isSkeinError(error) || error.code !== "thread_not_found") throw error;
      const made = await store.createThread({ threadId, metadata: { cwd: "/" } });
      await store.persistThread(made.writer);
      return { ...made, nextOrdinal: 1 };
    });
    this.#next = opened.nextOrdinal;
    say({ say: "owns", threadId });
    // Some take their time: an owner before that doesn't know yet would find its ordinal free.
    if (random() < 0.5) await delay(IDLE_MS_MAX * random());
    return opened;
  }

  #nextBatch(): Batch {
    this.#number += 1;
    const name = `batch-${node}-${this.threadId.slice(-6)}-${this.#number}`;
    const padding = Math.floor(random() * (random() < 0.02 ? 20_000 : 400));
    const items = batchItems(name, 1 + Math.floor(random() * 3), padding);
    const digest = digestOf(items.flatMap((item) => messageOf(item) ?? []));
    say({ say: "begin", threadId: this.threadId, batch: name, count: items.length, digest });
    return { name, items };
  }
}

interface Batch {
  readonly name: string;
  readonly items: ReturnType<typeof batchItems>;
}

/** Every third thread takes several appends at once. */
const LANES = 3;

async function write(threadId: string, index: number): Promise<void> {
  const work = new ThreadWork(threadId);
  const lanes = index % 3 === 0 ? LANES : 1;
  await Promise.all(Array.from({ length: lanes }, () => work.run(lanes === 1)));
}

say({ say: "ready" });
process.stdin.on("end", () => (isEnding = true)).resume();
await Promise.all([
  ...own.map(write),
  // Behind those who own them: at the start a thread is its owner's.
  ...others.map(async (threadId, index) => {
    await delay(1_000 + TAKE_PAUSE_MS * random());
    await write(threadId, index);
  }),
]);
await store.close();
