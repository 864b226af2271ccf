/**
 * A handle that takes a bounded number of calls an example. A store whose pages never end, or whose cursors stand
 * still, would keep a law that walks them busy for ever, and where it answers at once no timer would fire meanwhile:
 * here the walk ends with an error, and the law is broken.
 */
import { fault } from "../base/index.ts";
import type { ThreadStore } from "../store/index.ts";

/** Calls on a handle in one example; more than four times what the busiest law makes of a store that keeps it. */
const CALLS_MAX = 20_000;

/** Calls that end something: never refused. */
const ENDINGS: ReadonlySet<PropertyKey> = new Set(["close", "discardThread", "shutdownThread", "subscribe"]);

/** The handle, for one example. */
export function boundedHandle(store: ThreadStore): ThreadStore {
  let calls = 0;
  return new Proxy(store, {
    get(target, name) {
      const member: unknown = Reflect.get(target, name, target);
      if (typeof member !== "function") return member;
      if (ENDINGS.has(name)) return member.bind(target) as unknown;
      return (...values: readonly unknown[]): unknown => {
        calls += 1;
        if (calls > CALLS_MAX) return Promise.reject(tooManyCalls(String(name)));
        return Reflect.apply(member, target, values) as unknown;
      };
    },
  });
}

function tooManyCalls(name: string): Error {
  return fault(
    "aborted",
    `${CALLS_MAX} calls in one example, the last of them ${name}: what is walked here never ends`,
    {
      data: { callsMax: CALLS_MAX, method: name },
    },
  );
}
