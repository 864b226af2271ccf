/**
 * What all requests of one app-server share. It is made once, at startup, from a runtime that somebody else opened:
 * one store a process. Handlers get it with each call; nothing here is global.
 */
import type { Clock, IdSource, Logger } from "../base/index.ts";
import type { ServerClient } from "./server-client.ts";
import type { EventSubscriptions } from "./event-subscriptions.ts";
import type { MemoriesTrigger } from "./memories-trigger.ts";
import type { QuestionRouter } from "./question-router.ts";
import type { NodeRelay } from "./relay/node-relay.ts";
import type { ServerThreads } from "./server-threads.ts";
import type { ThreadChannels } from "./thread-channels.ts";
import type { ThreadNotifier } from "./thread-notifier.ts";
import type { ThreadRights } from "./thread-rights.ts";

/** What the server says of itself, and what new threads get that say nothing. */
export interface ServerSettings {
  /** Folder of the home; null where the store has none. */
  readonly home: string | null;
  /** What relative paths of clients are relative to. */
  readonly cwd: string;
  /** The one provider that answers: of new threads, and the only one that clients may name. Null: the agent has no name for it. */
  readonly modelProvider: string | null;
  /** Models the agent is known to answer with, the default first. */
  readonly models: readonly string[];
}

export interface ServerContext {
  readonly threads: ServerThreads;
  readonly channels: ThreadChannels<ServerClient>;
  readonly notifier: ThreadNotifier;
  readonly questions: QuestionRouter;
  readonly rights: ThreadRights;
  readonly subscriptions: EventSubscriptions;
  /** How the nodes are reached that own threads of the same store; null: this is the only one. */
  readonly relay: NodeRelay | null;
  readonly memories: MemoriesTrigger;
  readonly settings: ServerSettings;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** The first client's name: new threads record it as who made them. */
  originator: string | null;
}
