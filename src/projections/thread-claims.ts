/**
 * What the store asks of threads' owners, by what the state DB has: every writer's thread is owned, or, where
 * the state DB was opened to be read, none is.
 */
import type { RolloutFollower, ThreadClaims } from "../store/index.ts";
import type { ThreadOwners } from "./thread-owners.ts";

/** Who may only read owns no thread and keeps no rows: what is written beside it is fenced by the files. */
export const NO_CLAIMS: ThreadClaims = Object.freeze({ acquire: async () => {}, check: () => {}, release: () => {} });
/** Follows nothing. */
export const NO_FOLLOWER: RolloutFollower = Object.freeze({ appended: () => {}, end: () => {} });

/** The store's claims, by the owners of a state DB; `toFault` says what is thrown for an error of SQLite. */
export function claimsOf(owners: ThreadOwners, toFault: (error: unknown) => unknown): ThreadClaims {
  return {
    async acquire(threadId) {
      try {
        await owners.acquire(threadId);
      } catch (error) {
        throw toFault(error);
      }
    },
    check(threadId) {
      try {
        owners.check(threadId);
      } catch (error) {
        throw toFault(error);
      }
    },
    release: (threadId) => void owners.release(threadId),
  };
}
