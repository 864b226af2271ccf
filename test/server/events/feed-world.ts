/**
 * What the tests of event feeds share: a server over a store with threads, and consumers that are connected to it
 * in this process. A consumer keeps all that it was sent; waiting is for a condition, never for a time. Not a test.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { echoAgent } from "../../../src/actors/index.ts";
import type { Clock } from "../../../src/base/index.ts";
import type { RolloutRecord } from "../../../src/events/index.ts";
import { openRuntime, type Runtime } from "../../../src/runtime/index.ts";
import { type AppServer, type CheckpointStore, createAppServer } from "../../../src/server/index.ts";
import { NOTIFICATIONS, REQUESTS } from "../../../src/server/protocol/index.ts";
import type { Connection, ConnectionHandler } from "../../../src/server/transports/index.ts";
import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import type { OpenedThread, ThreadStore } from "../../../src/store/index.ts";

export type StoreKind = "memory" | "local";

export interface WireRecord {
  readonly ordinal: number;
  readonly timestamp: string;
  readonly type: string;
  readonly payload: unknown;
}

interface WireError {
  readonly code: number;
  readonly message: string;
  readonly data?: Readonly<Record<string, unknown>>;
}

interface WireMessage {
  readonly id?: number;
  readonly method?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: unknown;
  readonly error?: WireError;
}

/** What a request was refused with. */
export class Refused extends Error {
  readonly error: WireError;

  constructor(error: WireError) {
    super(error.message);
    this.error = error;
  }
}

/** One connected client. */
export class Consumer {
  readonly #handler: ConnectionHandler;
  readonly messages: WireMessage[] = [];
  /** Of each message, in their order. */
  readonly bytes: number[] = [];
  #lastId = 0;
  #wake: (() => void)[] = [];
  isConnected = true;

  constructor(server: AppServer) {
    const connection: Connection = {
      name: "test",
      send: (text) => {
        if (!this.isConnected) return false;
        this.messages.push(JSON.parse(text) as WireMessage);
        this.bytes.push(Buffer.byteLength(text));
        for (const wake of this.#wake.splice(0)) wake();
        return true;
      },
      close: (reason) => this.disconnect(reason),
    };
    this.#handler = server.accept(connection);
  }

  disconnect(reason = "gone"): void {
    if (!this.isConnected) return;
    this.isConnected = false;
    this.#handler.closed(reason);
  }

  async initialize(optOut: readonly string[] = []): Promise<this> {
    const capabilities = { experimentalApi: true, optOutNotificationMethods: optOut };
    await this.request("initialize", { clientInfo: { name: "consumer", version: "1" }, capabilities });
    return this;
  }

  /** Sends a request, and resolves with its result. */
  async request<Result = Readonly<Record<string, unknown>>>(method: string, params: unknown): Promise<Result> {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#handler.received(JSON.stringify({ id, method, params }));
    const answer = await this.until(() => this.messages.find((message) => message.id === id && !message.method));
    if (answer.error !== undefined) throw new Refused(answer.error);
    const definition = Object.entries(REQUESTS).find(([name]) => name === method)?.[1];
    definition?.result.parse(answer.result);
    return answer.result as Result;
  }

  /** Resolves with what `look` finds. */
  async until<Found>(look: () => Found | undefined | false | null): Promise<Found> {
    for (;;) {
      const found = look();
      if (found !== undefined && found !== false && found !== null) return found;
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** Params of the notifications of a method, and of one subscription; all of them have the protocol's shape. */
  notified(method: keyof typeof NOTIFICATIONS, subscriptionId?: string): readonly Readonly<Record<string, unknown>>[] {
    const found: Readonly<Record<string, unknown>>[] = [];
    for (const message of this.messages) {
      if (message.method !== method || message.params === undefined) continue;
      if (subscriptionId !== undefined && message.params["subscriptionId"] !== subscriptionId) continue;
      NOTIFICATIONS[method].params.parse(message.params);
      found.push(message.params);
    }
    return found;
  }

  records(subscriptionId?: string): readonly WireRecord[] {
    return this.notified("thread/events/records", subscriptionId).flatMap(({ records }) => records as WireRecord[]);
  }

  endings(subscriptionId?: string): readonly string[] {
    return this.notified("thread/events/ended", subscriptionId).map(({ reason }) => String(reason));
  }

  async subscribe(params: Readonly<Record<string, unknown>>): Promise<Subscribed> {
    return await this.request<Subscribed>("thread/events/subscribe", params);
  }

  async acknowledge(subscriptionId: string, nextOrdinal: number): Promise<void> {
    await this.request("thread/events/ack", { subscriptionId, nextOrdinal });
  }
}

export interface Subscribed {
  readonly subscriptionId: string;
  readonly from: number;
  readonly nextOrdinal: number;
}

/** Turns of the event loop in which whatever was going to be sent is sent, where nothing waits for the disk. */
export async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

export interface FeedWorldOptions {
  readonly kind?: StoreKind;
  readonly clock?: Clock;
  readonly checkpoints?: CheckpointStore;
}

/** A store, its runtime, and a server over them. */
export class FeedWorld {
  readonly home: string;
  readonly store: ThreadStore;
  readonly runtime: Runtime;
  server: AppServer;
  /** Iterations of feeds that the server began and did not end: what holds records in memory. */
  openFeeds = 0;
  readonly #options: FeedWorldOptions;
  readonly #writers = new Map<string, OpenedThread>();

  private constructor(home: string, parts: { store: ThreadStore; runtime: Runtime }, options: FeedWorldOptions) {
    this.home = home;
    this.store = parts.store;
    this.runtime = parts.runtime;
    this.#options = options;
    this.#countFeeds();
    this.server = this.#serve(options.checkpoints);
  }

  static async open(options: FeedWorldOptions = {}): Promise<FeedWorld> {
    const { kind = "memory", clock } = options;
    const home = await mkdtemp(join(tmpdir(), "skein-feed-"));
    const store =
      kind === "memory" ? createMemoryThreadStore() : await openLocalThreadStore({ home, durability: "os" });
    const runtime = await openRuntime({ store, agent: echoAgent(), ...(clock === undefined ? {} : { clock }) });
    return new FeedWorld(home, { store, runtime }, options);
  }

  /** The server stops, and another one starts with these checkpoints. */
  async restart(checkpoints: CheckpointStore | undefined): Promise<void> {
    await this.server.close();
    this.server = this.#serve(checkpoints);
  }

  async consumer(optOut: readonly string[] = []): Promise<Consumer> {
    return await new Consumer(this.server).initialize(optOut);
  }

  /** Makes a thread with a message for each text. */
  async thread(...texts: readonly string[]): Promise<string> {
    const opened = await this.store.createThread({ metadata: { cwd: "/work/place" } });
    const { threadId } = opened.writer;
    this.#writers.set(threadId, opened);
    await this.store.persistThread(opened.writer);
    if (texts.length > 0) await this.say(threadId, ...texts);
    return threadId;
  }

  /** Appends a message for each text, one batch. */
  async say(threadId: string, ...texts: readonly string[]): Promise<void> {
    const opened = this.#writers.get(threadId);
    if (opened === undefined) throw new Error(`no thread ${threadId}`);
    const items = texts.map((message) => ({ type: "event_msg" as const, payload: { type: "user_message", message } }));
    await this.store.appendItems({ writer: opened.writer, items });
  }

  async log(threadId: string): Promise<readonly RolloutRecord[]> {
    return (await this.store.loadHistory({ threadId })).records;
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.runtime.close();
    await this.store.close();
    await rm(this.home, { recursive: true, force: true });
  }

  #countFeeds(): void {
    const threadEvents = this.runtime.threadEvents.bind(this.runtime);
    this.runtime.threadEvents = async (threadId, options) => {
      const feed = await threadEvents(threadId, options);
      const iterate = feed[Symbol.asyncIterator].bind(feed);
      feed[Symbol.asyncIterator] = () => {
        const iterator = iterate();
        const end = iterator.return.bind(iterator);
        this.openFeeds += 1;
        iterator.return = () => {
          this.openFeeds -= 1;
          return end();
        };
        return iterator;
      };
      return feed;
    };
  }

  #serve(checkpoints: CheckpointStore | undefined): AppServer {
    const { clock } = this.#options;
    return createAppServer({
      runtime: this.runtime,
      agent: echoAgent(),
      ...(clock === undefined ? {} : { clock }),
      ...(checkpoints === undefined ? {} : { checkpoints }),
    });
  }
}
