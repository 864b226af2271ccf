/**
 * AppServer: the thread part of Codex's app-server protocol over one runtime. Transports hand it their connections;
 * it joins them with the runtime's threads. It opens nothing but the runtime of ephemeral threads, and closes
 * nothing but that: the runtime and the listeners are their opener's.
 *
 * Invariants
 *   V1  A client that is gone leaves nothing behind: no subscription, no listener; its turns run on.
 *   V2  After `close` no request is answered but with "overloaded", and no client stays connected.
 */
import type { RuntimeObserver } from "../actors/index.ts";
import { createIdSource, type Logger, silentLogger, systemClock, withinTime } from "../base/index.ts";
import { openRuntime, type Runtime } from "../runtime/index.ts";
import { createMemoryThreadStore } from "../store/memory/index.ts";
import type { IntroducedClient } from "./client-info.ts";
import { ClientSession } from "./client-session.ts";
import { EventSubscriptions } from "./event-subscriptions.ts";
import { noMemories } from "./memories-trigger.ts";
import { QuestionRouter } from "./question-router.ts";
import { RequestLoad } from "./request-load.ts";
import type { ServerClient } from "./server-client.ts";
import type { ServerContext } from "./server-context.ts";
import { SERVER_LIMITS } from "./server-limits.ts";
import type { AppServerOptions } from "./server-options.ts";
import { ServerThreads } from "./server-threads.ts";
import { ThreadChannels } from "./thread-channels.ts";
import { ThreadNotifier } from "./thread-notifier.ts";
import { ThreadQueues } from "./thread-queues.ts";
import { ThreadRights } from "./thread-rights.ts";
import type { Connection, ConnectionHandler } from "./transports/index.ts";

/** Makes the server. It serves as soon as a transport hands it a connection. */
export function createAppServer(options: AppServerOptions): AppServer {
  return new AppServer(options);
}

/** An app-server over one runtime: takes clients' connections until it is closed. */
export class AppServer {
  /** @internal */
  readonly context: ServerContext;
  /** @internal */
  readonly queues = new ThreadQueues();
  /** @internal */
  readonly load = new RequestLoad(SERVER_LIMITS.requestsMax);
  readonly #sessions = new Set<ClientSession>();
  readonly #stopObserving: (() => void)[] = [];
  #draining: Promise<void> | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: AppServerOptions) {
    this.context = this.#createContext(options);
    this.#stopObserving.push(options.runtime.observe(this.context.notifier));
  }

  /** Takes a client: the acceptor that transports are given. `introduced`: it was greeted already (reception/). */
  readonly accept = (connection: Connection, introduced?: IntroducedClient): ConnectionHandler => {
    const session = new ClientSession(this, connection, introduced?.client ?? null);
    this.context.originator ??= introduced?.originator ?? null;
    if (this.#closing !== null) {
      connection.close("the server is stopping");
      return session;
    }
    this.#sessions.add(session);
    this.context.channels.join(session);
    this.context.logger.info({ client: session.name }, "a client connected");
    return session;
  };

  /** Clients that are connected. */
  get clientCount(): number {
    return this.#sessions.size;
  }

  /**
   * A client is gone.
   * @internal
   */
  left(session: ClientSession, reason: string): void {
    this.#sessions.delete(session);
    this.context.channels.leave(session);
    this.context.questions.leave(session);
    this.context.subscriptions.leave(session);
    this.context.logger.info({ client: session.name, reason }, "a client left");
  }

  /**
   * Takes no more requests, waits for those under way (bounded), and closes the clients' connections. Who opened
   * the runtime closes it before, so that clients still hear how their turns ended, or after. Idempotent.
   */
  async close(reason = "the server is stopping"): Promise<void> {
    this.#closing ??= this.#close(reason);
    await this.#closing;
  }

  /** Takes no more requests, and resolves when those under way are done, or after the drain time. Idempotent. */
  async drain(): Promise<void> {
    this.#draining ??= this.#drain();
    await this.#draining;
  }

  async #drain(): Promise<void> {
    await withinTime(this.load.close(), this.context.clock, SERVER_LIMITS.drainMs);
    this.context.notifier.stopping();
  }

  async #close(reason: string): Promise<void> {
    await this.drain();
    await this.context.subscriptions.close();
    try {
      // Before the connections: clients hear how the turns of ephemeral threads ended.
      await this.context.threads.close();
    } finally {
      for (const session of this.#sessions) session.close(reason);
      for (const stop of this.#stopObserving) stop();
    }
  }

  #createContext(options: AppServerOptions): ServerContext {
    const { runtime, agent, home = null, cwd = process.cwd(), models } = options;
    const { clock = systemClock, logger = silentLogger } = options;
    const { ids = createIdSource(clock), memories = noMemories, checkpoints = null, relay = null } = options;
    const threads = new ServerThreads(runtime, async () => {
      const store = createMemoryThreadStore({ clock, ids });
      const ephemeral = await openRuntime({ store, agent, cwd, clock, ids, logger });
      this.#stopObserving.push(ephemeral.observe(notifier), ephemeral.observe(forgetUnloaded(ephemeral, logger)));
      return ephemeral;
    });
    const channels = new ThreadChannels<ServerClient>();
    const rights = new ThreadRights();
    const questions = new QuestionRouter({ threads, channels, logger });
    const notifier = new ThreadNotifier({ threads, channels, questions, rights, clock });
    const subscriptions = new EventSubscriptions({ runtime, checkpoints, clock, ids, logger });
    return {
      threads,
      channels,
      notifier,
      questions,
      rights,
      subscriptions,
      relay,
      memories,
      settings: { home, cwd, modelProvider: agent.provider, models: models ?? [agent.defaultModel] },
      clock,
      ids,
      logger,
      originator: null,
    };
  }
}

/** An ephemeral thread that was unloaded can't come back: what memory holds of it goes too. */
function forgetUnloaded(ephemeral: Runtime, logger: Logger): RuntimeObserver {
  return {
    event: (event) => {
      if (event.type !== "thread_unloaded" || event.reason === "deleted") return;
      const { threadId } = event;
      ephemeral.deleteThread(threadId).catch((error: unknown) => {
        // Nothing of it was kept, or the server is stopping and all of it goes.
        logger.debug({ error, threadId }, "an ephemeral thread left nothing to forget");
      });
    },
  };
}
