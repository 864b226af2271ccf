/**
 * skein/server: a runtime's threads over Codex's app-server protocol. `serveRuntime` is all that most programs need;
 * `createAppServer` is for who brings connections of their own.
 */
export { AppServer, createAppServer } from "./app-server.ts";
export { openCheckpointFiles } from "./checkpoint-files.ts";
export type { CheckpointStore, RecordPlace } from "./checkpoint-store.ts";
export type { MemoriesTrigger } from "./memories-trigger.ts";
export type { AppServerOptions } from "./server-options.ts";
export {
  createNodeRelay,
  type NodeDial,
  type NodeDialParts,
  type NodeRelay,
  type NodeRelayOptions,
} from "./relay/node-relay.ts";
export type { RelayLimits } from "./relay/relay-limits.ts";
export { type ServedRuntime, serveRuntime, type ServeRuntimeOptions } from "./serve-runtime.ts";
export type { Connection, ConnectionHandler } from "./transports/index.ts";
