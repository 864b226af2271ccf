/**
 * A store as a runtime has it, around a real one, that tells what was asked and what was acknowledged. It stands
 * where the threads do, so what they are told is what is noted, no more and no less.
 */
import { isSkeinError } from "../../src/base/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import type { Acknowledgements } from "./acknowledgements.ts";
import type { UncertainFact } from "./uncertain-fact.ts";

interface Change<Value> {
  readonly fact: UncertainFact<Value>;
  readonly value: Value;
}

/** Wraps the store of a process. */
export function acknowledgingStore(inner: ThreadStore, truth: Acknowledgements, process: string): ThreadStore {
  const changing = async <Value, Answer>({ fact, value }: Change<Value>, call: Promise<Answer>): Promise<Answer> => {
    const change = fact.begin(process);
    try {
      const answer = await call;
      fact.done(change, value);
      truth.count += 1;
      return answer;
    } catch (error) {
      if (isSkeinError(error) && error.kind === "rejection") fact.refused(change);
      else fact.failed(change);
      throw error;
    }
  };
  const overrides: Partial<ThreadStore> = {
    async createThread(params) {
      if (params.fork === undefined) return await inner.createThread(params);
      const opened = await inner.createThread(params);
      truth.forked(opened.writer.threadId, params.fork);
      truth.thread(opened.writer.threadId).place.value = "live";
      return opened;
    },
    async appendItems(params) {
      const { threadId } = params.writer;
      const batch = truth.asked(process, threadId, params.items);
      const answer = await inner.appendItems(params);
      truth.appended(threadId, batch, answer);
      return answer;
    },
    async persistThread(writer) {
      await inner.persistThread(writer);
      const { place } = truth.thread(writer.threadId);
      if (place.isSure && place.value === "unstored") place.value = "live";
    },
    archiveThread: (threadId) =>
      changing({ fact: truth.thread(threadId).place, value: "archived" }, inner.archiveThread(threadId)),
    unarchiveThread: (threadId) =>
      changing({ fact: truth.thread(threadId).place, value: "live" }, inner.unarchiveThread(threadId)),
    deleteThread: (threadId) => {
      const { name, place } = truth.thread(threadId);
      // Its name goes too, and may be gone where the rest of the deletion is not.
      const unnamed = changing({ fact: name, value: null }, inner.deleteThread(threadId));
      return changing({ fact: place, value: "deleted" }, unnamed);
    },
    async updateThreadMetadata(params) {
      const { name } = params.patch;
      const call = inner.updateThreadMetadata(params);
      if (name === undefined) return await call;
      return await changing({ fact: truth.thread(params.threadId).name, value: name }, call);
    },
  };
  return new Proxy(inner, {
    get(target, key) {
      const own: unknown = Reflect.get(overrides, key);
      if (own !== undefined) return own;
      const value: unknown = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
