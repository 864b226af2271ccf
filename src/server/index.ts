/**
 * server: the app-server. Threads of a runtime over Codex's app-server protocol, for clients that connect by any
 * transport; beside it, what the protocol is (protocol/) and how clients reach it (transports/).
 */
export { AppServer, createAppServer } from "./app-server.ts";
export { openCheckpointFiles } from "./checkpoint-files.ts";
export type { CheckpointStore } from "./checkpoint-store.ts";
export { type MemoriesTrigger, noMemories } from "./memories-trigger.ts";
export type { AppServerOptions } from "./server-options.ts";
