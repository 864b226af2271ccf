/**
 * A ThreadStore whose appends (and other calls) can be made to fail or wait, around a real one. The
 * wrapped store is never told: what a fault "before" hides did not happen, what a fault "after" hides
 * did, and only its acknowledgement was lost.
 */
import { fault, type SkeinError } from "../../src/base/index.ts";
import type { AppendItemsParams, AppendResult, ThreadStore } from "../../src/store/index.ts";

/** What to do with one append. */
export type AppendFault =
  | { readonly type: "before" | "after"; readonly error: SkeinError }
  /** Waits for the promise, then appends. */
  | { readonly type: "hold"; readonly until: Promise<unknown> };

export interface FaultyThreadStore extends ThreadStore {
  /** Appends seen so far, also failed ones. */
  readonly appendCount: number;
  /** Plans a fault for the n-th append from now on, 1-based. */
  planAppend(nth: number, planned: AppendFault): void;
  /** Makes the next calls of a method fail, one error each. */
  planFailures(method: "resumeThread" | "shutdownThread" | "loadHistory", errors: readonly SkeinError[]): void;
}

/** A disk that is full: a fault that may pass. */
export function diskFull(): SkeinError {
  return fault("disk_full", "could not append: no space left on device", { retryable: true });
}

/** Wraps a store. */
export function faultyThreadStore(inner: ThreadStore): FaultyThreadStore {
  const planned = new Map<number, AppendFault>();
  const failures = new Map<string, SkeinError[]>();
  let appendCount = 0;
  const failNext = (method: string): void => {
    const error = failures.get(method)?.shift();
    if (error !== undefined) throw error;
  };
  const overrides: Partial<FaultyThreadStore> = {
    async appendItems(params: AppendItemsParams): Promise<AppendResult> {
      appendCount += 1;
      const plan = planned.get(appendCount);
      planned.delete(appendCount);
      if (plan === undefined) return await inner.appendItems(params);
      if (plan.type === "before") throw plan.error;
      if (plan.type === "hold") await plan.until;
      const result = await inner.appendItems(params);
      if (plan.type === "after") throw plan.error;
      return result;
    },
    async resumeThread(params) {
      failNext("resumeThread");
      return await inner.resumeThread(params);
    },
    async shutdownThread(writer) {
      failNext("shutdownThread");
      await inner.shutdownThread(writer);
    },
    async loadHistory(params) {
      failNext("loadHistory");
      return await inner.loadHistory(params);
    },
    planAppend(nth, plan) {
      planned.set(appendCount + nth, plan);
    },
    planFailures(method, errors) {
      failures.set(method, [...errors]);
    },
  };
  return new Proxy(inner, {
    get(target, member) {
      if (member === "appendCount") return appendCount;
      const own: unknown = Reflect.get(overrides, member);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, member, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  }) as FaultyThreadStore;
}
