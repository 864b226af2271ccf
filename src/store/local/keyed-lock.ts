/**
 * The store's own, under the name it has here: the local adapter locks threads, names and manifests with it.
 * It knows nothing of files.
 */
export { createKeyedLock, type KeyedLock } from "../keyed-lock.ts";
