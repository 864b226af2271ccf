/**
 * Bugs that take several calls of different kinds, or calls in flight together, to be seen. The laws of `model` find
 * them.
 */
import { fault } from "../../src/base/index.ts";
import type { AppendResult, ThreadWriter } from "../../src/store/index.ts";
import { eventLoopTurn, type PlantedBug } from "./planted-bug.ts";

/** The bugs. */
export const modelBugs: readonly PlantedBug[] = [
  {
    name: "a repeated append is refused for the ordinal that it expected the first time",
    caughtBy: ["model.commands", "model.interleaved"],
    plant: (store) => ({
      appendItems: async (params) => {
        const { writer, expectedOrdinal } = params;
        const answer = await store.appendItems(params);
        if (!answer.duplicate || expectedOrdinal === undefined || expectedOrdinal === answer.nextOrdinal) return answer;
        const data = { threadId: writer.threadId, expectedOrdinal, actualOrdinal: answer.firstOrdinal };
        throw fault("ordinal_conflict", "the log doesn't go on there", { data });
      },
    }),
  },
  {
    name: "an old writer that is released closes the newer one",
    caughtBy: ["model.commands"],
    plant: (store) => {
      const newest = new Map<string, ThreadWriter>();
      return {
        resumeThread: async (params) => {
          const opened = await store.resumeThread(params);
          newest.set(opened.writer.threadId, opened.writer);
          return opened;
        },
        discardThread: (writer) => store.discardThread(newest.get(writer.threadId) ?? writer),
        shutdownThread: (writer) => store.shutdownThread(newest.get(writer.threadId) ?? writer),
      };
    },
  },
  {
    name: "a thread that is made anew with a deleted one's id knows its keys",
    caughtBy: ["model.commands"],
    plant: (store) => {
      const applied = new Map<string, AppendResult>();
      return {
        appendItems: async (params) => {
          const key = `${params.writer.threadId} ${params.idempotencyKey ?? ""}`;
          const known = params.idempotencyKey === undefined ? undefined : applied.get(key);
          const answer = await store.appendItems(params);
          applied.set(key, known ?? answer);
          return known === undefined ? answer : { ...known, duplicate: true };
        },
      };
    },
  },
  {
    name: "expected ordinals are compared with what is written, not with what is accepted",
    caughtBy: ["model.interleaved"],
    plant: (store) => ({
      appendItems: async (params) => {
        const { expectedOrdinal, ...rest } = params;
        const { threadId } = params.writer;
        if (expectedOrdinal === undefined) return store.appendItems(rest);
        const { nextOrdinal: actualOrdinal } = await store.loadHistory({ threadId });
        await eventLoopTurn();
        if (actualOrdinal === expectedOrdinal) return store.appendItems(rest);
        const data = { threadId, expectedOrdinal, actualOrdinal };
        throw fault("ordinal_conflict", "the log doesn't go on there", { data });
      },
    }),
  },
  {
    name: "what an old writer has in flight is written behind the newer one's begin",
    caughtBy: ["model.interleaved"],
    plant: (store) => {
      const newest = new Map<string, ThreadWriter>();
      return {
        resumeThread: async (params) => {
          const opened = await store.resumeThread(params);
          newest.set(opened.writer.threadId, opened.writer);
          return opened;
        },
        appendItems: async (params) => {
          await eventLoopTurn();
          return store.appendItems({ ...params, writer: newest.get(params.writer.threadId) ?? params.writer });
        },
      };
    },
  },
  {
    name: "a read shows the half of a batch while the other half is written",
    caughtBy: ["model.interleaved"],
    plant: (store) => {
      let inFlight = 0;
      return {
        appendItems: async (params) => {
          inFlight += 1;
          const answer = await store.appendItems(params).catch((error: unknown) => {
            inFlight -= 1;
            throw error;
          });
          await eventLoopTurn();
          inFlight -= 1;
          return answer;
        },
        loadHistory: async (params) => {
          const page = await store.loadHistory(params);
          const isHalf = inFlight > 0 && page.records.length > 3;
          return isHalf ? { ...page, records: page.records.slice(0, -1) } : page;
        },
      };
    },
  },
];
