/**
 * What an app-server is made of: a runtime that is open, the agent it answers with, and what it says of itself. All
 * of it is its opener's, who closes the runtime after the server.
 */
import type { Agent } from "../actors/index.ts";
import type { Clock, IdSource, Logger } from "../base/index.ts";
import type { Runtime } from "../runtime/index.ts";
import type { CheckpointStore } from "./checkpoint-store.ts";
import type { MemoriesTrigger } from "./memories-trigger.ts";
import type { NodeRelay } from "./relay/node-relay.ts";

/** What `createAppServer` takes. Everything but the runtime and its agent has a default. */
export interface AppServerOptions {
  /** Whose threads are served. It stays its opener's, who closes it after the server. */
  readonly runtime: Runtime;
  /** The runtime's agent: ephemeral threads are answered by it too, and clients see its provider and model. */
  readonly agent: Agent;
  /** Folder of the home, told to clients. Default: none. */
  readonly home?: string;
  /** What clients' relative paths are relative to. Default: the process's working folder. */
  readonly cwd?: string;
  /** Models that `model/list` names, the default first. Default: the agent's own. */
  readonly models?: readonly string[];
  /** Where named checkpoints of event subscriptions are kept. Default: in memory, so they end with the process. */
  readonly checkpoints?: CheckpointStore;
  /**
   * Requests about a thread that another node owns go to that node, where the store knows its address; see
   * `createNodeRelay`. Default: they are refused with `thread_owned_elsewhere`.
   */
  readonly relay?: NodeRelay;
  /** Told when the peer would begin to make memories. Default: nothing happens. */
  readonly memories?: MemoriesTrigger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: random UUIDs of version 7. */
  readonly ids?: IdSource;
  /** Default: nothing is logged. */
  readonly logger?: Logger;
}
