/**
 * store/remote (skein/remote): a thread store on another machine. `serveThreadStore` serves any store over gRPC,
 * `openRemoteThreadStore` is the port over it.
 */
export type { FollowedRecords, FollowOptions } from "./remote-follow.ts";
export type { RemoteThreadStoreOptions } from "./remote-options.ts";
export { openRemoteThreadStore, type RemoteThreadStore } from "./remote-thread-store.ts";
export { type ServedThreadStore, serveThreadStore, type ServeThreadStoreOptions } from "./serve-thread-store.ts";
