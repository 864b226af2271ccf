/**
 * What the tests of the server share: an app-server over a store (memory, or files with or without a state DB) in
 * this process, and clients that are connected to it without a transport. A client keeps every message it got,
 * in order; tests wait for messages, never for time.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { type Agent, scriptedAgent, type ScriptedTurn } from "../../src/actors/index.ts";
import type { Turn } from "../../src/events/index.ts";
import { openRuntime, type Runtime } from "../../src/runtime/index.ts";
import type {
  NotificationMethod,
  NotificationParams,
  RequestMethod,
  RequestResult,
  ServerRequestMethod,
} from "../../src/server/protocol/index.ts";
import { type AppServer, type AppServerOptions, createAppServer } from "../../src/server/index.ts";
import type { ConnectionHandler } from "../../src/server/transports/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";

/** `memory`; `local`: files alone; `indexed`: files with their state DB. */
export type HomeKind = "memory" | "local" | "indexed";

/** A message as it came. */
export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: {
    readonly code: number;
    readonly message: string;
    readonly data?: Readonly<Record<string, unknown>>;
  };
}

export interface FixtureOptions extends Partial<Omit<AppServerOptions, "runtime" | "agent" | "home">> {
  readonly kind?: HomeKind;
  /** The agent, or the turns that a scripted one plays. Default: says "Done." */
  readonly agent?: Agent | readonly ScriptedTurn[];
  /** A home that another fixture left. It is not removed at the end. */
  readonly home?: string;
}

export interface ClientOptions {
  readonly name?: string;
  /** Default true. */
  readonly experimental?: boolean;
  readonly optOut?: readonly string[];
  /** Default true: it is initialised. */
  readonly initialize?: boolean;
}

export interface ServerFixture {
  readonly server: AppServer;
  readonly runtime: Runtime;
  /** The folder of the home; "" for a store in memory. */
  readonly home: string;
  connect(options?: ClientOptions): Promise<TestClient>;
  /** Ends the server and the runtime, as a process that stops; a home that was made stays until `close`. */
  stop(): Promise<void>;
  close(): Promise<void>;
}

const opened = new Set<ServerFixture>();

/** Opens an app-server that `closeServers` closes. */
export async function serve(options: FixtureOptions = {}): Promise<ServerFixture> {
  const fixture = await openServer(options);
  opened.add(fixture);
  return fixture;
}

/** For `afterEach`: closes what `serve` opened. */
export async function closeServers(): Promise<void> {
  const fixtures = [...opened];
  opened.clear();
  for (const fixture of fixtures) await fixture.close();
}

/** Opens an app-server. Who opens it closes it. */
export async function openServer(options: FixtureOptions = {}): Promise<ServerFixture> {
  const { kind = "memory", agent: wished = [], home: given, ...rest } = options;
  const agent = "run" in wished ? wished : scriptedAgent({ turns: wished });
  const home = given ?? (kind === "memory" ? "" : await mkdtemp(join(tmpdir(), "skein-server-")));
  const runtime = await openRuntime({
    ...(kind === "memory" ? { store: createMemoryThreadStore() } : { home }),
    ...(kind === "indexed" ? { stateDb: true as const } : {}),
    agent,
    cwd: rest.cwd ?? "/srv/ws",
  });
  const server = createAppServer({ runtime, agent, cwd: "/srv/ws", ...(home === "" ? {} : { home }), ...rest });
  const stop = async (): Promise<void> => {
    await server.close();
    await runtime.close();
  };
  return {
    server,
    runtime,
    home,
    connect: async (clientOptions) => await TestClient.connect(server, clientOptions),
    stop,
    close: async () => {
      await stop();
      if (given === undefined && home !== "") await rm(home, { recursive: true, force: true });
    },
  };
}

/** What of a message's params goes into its words. */
interface Worded {
  readonly status?: { readonly type: string; readonly activeFlags?: readonly string[] };
  readonly item?: { readonly type: string };
  readonly turn?: { readonly status: string };
}

interface Waiter {
  readonly isWanted: (message: Message) => boolean;
  readonly found: (message: Message) => void;
}

/** A client in this process. */
export class TestClient {
  /** Everything that came, in order. */
  readonly messages: Message[] = [];
  /** Why the server closed the connection; null while it is open. */
  closedReason: string | null = null;
  readonly #methods = new Map<number | string, string>();
  readonly #waiters = new Set<Waiter>();
  #handler: ConnectionHandler | null = null;
  #nextId = 1;

  static async connect(server: Pick<AppServer, "accept">, options: ClientOptions = {}): Promise<TestClient> {
    const client = new TestClient();
    client.#handler = server.accept({
      name: options.name ?? "test",
      send: (text) => {
        client.#take(JSON.parse(text) as Message);
        return client.closedReason === null;
      },
      close: (reason) => client.disconnect(reason),
    });
    if (options.initialize !== false) await client.initialize(options);
    return client;
  }

  async initialize({ name = "test", experimental = true, optOut = [] }: ClientOptions = {}): Promise<
    RequestResult<"initialize">
  > {
    return await this.call("initialize", {
      clientInfo: { name, title: null, version: "1.0" },
      capabilities: { experimentalApi: experimental, optOutNotificationMethods: optOut },
    });
  }

  /** Sends a text as it is. */
  send(text: string): void {
    this.#handler?.received(text);
  }

  /** Sends a request, and resolves with its answer, whatever it is. */
  async request(method: string, params: unknown = {}): Promise<Message> {
    const id = this.#nextId;
    this.#nextId += 1;
    this.#methods.set(id, method);
    const answer = this.waitFor((message) => message.id === id && message.method === undefined);
    this.send(JSON.stringify({ method, id, params }));
    return await answer;
  }

  /** Sends a request, and resolves with its result. Rejects with the words of a refusal. */
  async call<Method extends RequestMethod>(method: Method, params: unknown = {}): Promise<RequestResult<Method>> {
    const { result, error } = await this.request(method, params);
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result as RequestResult<Method>;
  }

  /** Sends a request, and resolves with its refusal: the code and the words. */
  async refusal(method: string, params: unknown = {}): Promise<readonly [number, string]> {
    const { error, result } = await this.request(method, params);
    if (error === undefined) throw new Error(`${method} was answered with ${JSON.stringify(result)}`);
    return [error.code, error.message];
  }

  /** Answers a request of the server's. */
  answer(id: number | string | undefined, result: unknown): void {
    this.send(JSON.stringify({ id, result }));
  }

  /** What the first such notification said, of those that came behind `from` or will come. */
  async told<Method extends NotificationMethod>(
    method: Method,
    isWanted: (params: NotificationParams<Method>) => boolean = () => true,
    from = 0,
  ): Promise<NotificationParams<Method>> {
    const found = await this.waitFor(
      (message) => message.method === method && isWanted(message.params as NotificationParams<Method>),
      from,
    );
    return found.params as NotificationParams<Method>;
  }

  /** The first request of the server's of this method, of those that came behind `from` or will come. */
  async asked(method: ServerRequestMethod, from = 0): Promise<Message> {
    return await this.waitFor((message) => message.method === method && message.id !== undefined, from);
  }

  /** The first message, of those that came behind `from` or will come, that is wanted. */
  async waitFor(isWanted: (message: Message) => boolean, from = 0): Promise<Message> {
    const known = this.messages.slice(from).find(isWanted);
    if (known !== undefined) return known;
    const { promise, resolve } = Promise.withResolvers<Message>();
    const waiter: Waiter = { isWanted, found: resolve };
    this.#waiters.add(waiter);
    try {
      return await promise;
    } finally {
      this.#waiters.delete(waiter);
    }
  }

  /** Starts a thread; gives its id. */
  async startThread(params: object = {}): Promise<string> {
    const { thread } = await this.call("thread/start", params);
    await this.told("thread/started", (told) => told.thread.id === thread.id);
    return thread.id;
  }

  /** Starts a turn; gives its id. */
  async startTurn(threadId: string, text: string, params: object = {}): Promise<string> {
    const input = [{ type: "text", text, text_elements: [] }];
    const { turn } = await this.call("turn/start", { threadId, input, ...params });
    return turn.id;
  }

  /** Runs a turn to its end; gives it as `turn/completed` shows it. */
  async runTurn(threadId: string, text: string, params: object = {}): Promise<Turn> {
    return await this.turnEnd(await this.startTurn(threadId, text, params));
  }

  /** The turn's end, told. */
  async turnEnd(turnId: string): Promise<Turn> {
    return (await this.told("turn/completed", ({ turn }) => turn.id === turnId)).turn;
  }

  /**
   * What came behind `from`, as words: "RESP thread/start", "ERR …", a notification's method, with its status or
   * item's kind where it has one. Deltas are left out.
   */
  words(from = 0): readonly string[] {
    return this.messages.slice(from).flatMap((message) => {
      if (message.method?.endsWith("elta") === true) return [];
      return [this.#word(message)];
    });
  }

  /** The client is gone. */
  disconnect(reason = "gone"): void {
    if (this.closedReason !== null) return;
    this.closedReason = reason;
    this.#handler?.closed(reason);
  }

  #word({ id, method, params, error }: Message): string {
    if (method === undefined) return `${error === undefined ? "RESP" : "ERR"} ${this.#methods.get(id ?? "") ?? "?"}`;
    const { status, item, turn } = (params ?? {}) as Worded;
    if (method === "thread/status/changed" && status !== undefined) {
      const flags = status.activeFlags ?? [];
      return `status ${status.type}${flags.length > 0 ? `[${flags.join()}]` : ""}`;
    }
    if (item !== undefined) return `${method} ${item.type}`;
    if (method === "turn/completed") return `${method} ${turn?.status}`;
    return id === undefined ? method : `ASK ${method}`;
  }

  #take(message: Message): void {
    this.messages.push(message);
    for (const waiter of this.#waiters) if (waiter.isWanted(message)) waiter.found(message);
  }
}
