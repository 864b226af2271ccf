/** The store's own, for the local adapter. */
export { createKeyedLock, type KeyedLock } from "../keyed-lock.ts";
