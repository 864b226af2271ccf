/**
 * A store of which one member is another: slower, failing, or counted. What is served can be held up by it where a
 * real one would be.
 */
import type { ThreadStore } from "../../../src/store/index.ts";

/** The store with this member in place of its own. */
export function withMember<Name extends keyof ThreadStore>(
  store: ThreadStore,
  name: Name,
  member: ThreadStore[Name],
): ThreadStore {
  return new Proxy(store, {
    get(target, asked) {
      if (asked === name) return member;
      const own: unknown = Reflect.get(target, asked, target);
      return typeof own === "function" ? (own.bind(target) as unknown) : own;
    },
  });
}
