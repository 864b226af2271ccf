/**
 * Bugs of reading: pages that lose or repeat something, cursors that guess, filters that let too much through,
 * reads that write. The laws of `history`, `list`, `search`, `turns`, `items` and `bad-input` find them.
 */
import { canonicalThreadId, isSkeinError, rejection } from "../../src/base/index.ts";
import type { Turn } from "../../src/events/index.ts";
import type { StoredThread } from "../../src/store/index.ts";
import type { PlantedBug } from "./planted-bug.ts";
import { claimsBugs } from "./planted-claims-bugs.ts";
import { metadataBugs } from "./planted-metadata-bugs.ts";

/** The bugs. */
export const readBugs: readonly PlantedBug[] = [
  ...metadataBugs,
  ...claimsBugs,
  {
    name: "the last record of a full page is skipped",
    caughtBy: ["history.pages"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        return page.isEnd ? page : { ...page, records: page.records.slice(0, -1) };
      },
    }),
  },
  {
    name: "a page that fits exactly is not the end, and neither is the empty one behind it",
    caughtBy: ["history.past-end"],
    plant: (store) => ({
      loadHistory: async (params) => {
        const page = await store.loadHistory(params);
        return { ...page, isEnd: page.isEnd && page.records.length > 0 };
      },
    }),
  },
  {
    name: "reading a thread touches it",
    caughtBy: ["history.reads-change-nothing"],
    plant: (store) => ({
      readThread: async (params) => {
        const { threadId } = params;
        await store.updateThreadMetadata({ threadId, patch: { memoryMode: "enabled" } });
        return store.readThread(params);
      },
    }),
  },
  {
    name: "a list cursor skips threads of the same time",
    caughtBy: ["list.complete"],
    plant: (store) => {
      const lastOf = new Map<string, StoredThread>();
      return {
        listThreads: async (params = {}) => {
          const before = params.cursor === undefined ? undefined : lastOf.get(params.cursor);
          const page = await store.listThreads(params);
          const last = page.data.at(-1);
          if (page.nextCursor !== null && last !== undefined) lastOf.set(page.nextCursor, last);
          const data = page.data.filter((thread) => thread.createdAtMs !== before?.createdAtMs);
          return { ...page, data };
        },
      };
    },
  },
  {
    name: "a list cursor is an offset",
    caughtBy: ["list.under-writes", "list.backwards"],
    plant: (store) => ({
      listThreads: async (params = {}) => {
        const { cursor, limit = 25, ...rest } = params;
        const offset = cursor === undefined ? 0 : Number(cursor);
        const all = await store.listThreads({ ...rest, limit: 1_000 });
        const data = all.data.slice(offset, offset + limit);
        const end = offset + data.length;
        return {
          ...all,
          data,
          nextCursor: end < all.data.length ? String(end) : null,
          backwardsCursor: data.length === 0 ? null : String(offset),
        };
      },
    }),
  },
  {
    name: "folders are matched by their beginning",
    caughtBy: ["list.filters"],
    plant: (store) => ({
      listThreads: (params = {}) => {
        const { cwds, ...rest } = params;
        if (cwds === undefined) return store.listThreads(params);
        return store.listThreads({ ...rest, cwds: [...cwds, ...cwds.map((cwd) => `${cwd}/`)] });
      },
    }),
  },
  {
    name: "a page of none is a page of one",
    caughtBy: ["bad-input.shapes"],
    plant: (store) => ({
      listThreads: (params = {}) => store.listThreads(params.limit === 0 ? { ...params, limit: 1 } : params),
    }),
  },
  {
    name: "a list called with null is a list called with nothing",
    caughtBy: ["bad-call.parameters"],
    plant: (store) => ({ listThreads: (params) => store.listThreads(params ?? {}) }),
  },
  {
    name: "one folder to list by, not in a list, is taken apart",
    caughtBy: ["bad-call.members"],
    plant: (store) => ({
      listThreads: (params = {}) =>
        store.listThreads(params?.cwds === undefined ? params : { ...params, cwds: [...params.cwds] }),
    }),
  },
  {
    name: "a cursor whose turn is gone begins again",
    caughtBy: ["turns.rolled-back-cursor", "bad-input.shapes"],
    plant: (store) => ({
      listTurns: async (params) => {
        try {
          return await store.listTurns(params);
        } catch {
          const { cursor: _cursor, ...rest } = params;
          return store.listTurns(rest);
        }
      },
    }),
  },
  {
    name: "a page of turns ends one turn early",
    caughtBy: ["turns.fold"],
    plant: (store) => ({
      listTurns: async (params) => {
        const page = await store.listTurns(params);
        return page.nextCursor === null ? page : { ...page, data: page.data.slice(0, -1) };
      },
    }),
  },
  {
    name: "search looks at names and previews only",
    caughtBy: ["search.finds"],
    plant: (store) => ({
      searchThreads: async ({ query }) => {
        const { data, ...page } = await store.listThreads({ searchTerm: query });
        return { ...page, data: data.map((thread) => ({ thread, snippet: query })), nextCursor: null };
      },
    }),
  },
  {
    name: "a hint is believed unseen",
    caughtBy: ["history.hints"],
    plant: (store) => ({
      loadHistory: async ({ hint, from, ...rest }) => {
        const begin = hint === undefined || Number.isNaN(Number(hint)) ? (from ?? 0) : Number(hint);
        const page = await store.loadHistory({ ...rest, from: begin });
        return { ...page, hint: String(page.nextOrdinal) };
      },
    }),
  },
  {
    name: "a thread's included history begins behind its session_meta",
    caughtBy: ["history.included"],
    plant: (store) => ({
      readThread: async (params) => {
        const { history, ...thread } = await store.readThread(params);
        return history === undefined ? thread : { ...thread, history: history.slice(1) };
      },
    }),
  },
  {
    name: "a limit above the most is refused",
    caughtBy: ["list.limits"],
    plant: (store) => ({
      listThreads: async (params = {}) => {
        if ((params.limit ?? 1) > 1_000) throw rejection("invalid_argument", "limit is too great");
        return store.listThreads(params);
      },
    }),
  },
  {
    name: "lists leave the git fields out",
    caughtBy: ["list.is-read"],
    plant: (store) => ({
      listThreads: async (params) => {
        const page = await store.listThreads(params);
        return { ...page, data: page.data.map((thread) => ({ ...thread, git: null })) };
      },
    }),
  },
  {
    name: "the backwards cursor of a page of turns leaves its first turn out",
    caughtBy: ["turns.backwards"],
    plant: (store) => ({
      listTurns: async (params) => {
        const page = await store.listTurns(params);
        const backwardsCursor = page.backwardsCursor?.replace(`"includeAnchor":true`, `"includeAnchor":false`) ?? null;
        return { ...page, backwardsCursor };
      },
    }),
  },
  {
    name: "a cursor of turns is an offset",
    caughtBy: ["turns.under-writes"],
    plant: (store) => ({
      listTurns: async ({ cursor, limit = 25, ...rest }) => {
        const offset = cursor === undefined ? 0 : Number(cursor);
        const all = await store.listTurns({ ...rest, limit: 1_000 });
        const data = all.data.slice(offset, offset + limit);
        const end = offset + data.length;
        const nextCursor = end < all.data.length ? String(end) : null;
        return { data, nextCursor, backwardsCursor: data.length === 0 ? null : String(offset) };
      },
    }),
  },
  {
    name: "a turn that did not end is shown as running",
    caughtBy: ["turns.open-turn", "turns.fold"],
    plant: (store) => ({
      listTurns: async (params) => {
        const page = await store.listTurns(params);
        const running = (turn: Turn): Turn =>
          turn.status === "interrupted" && turn.completedAt === null ? { ...turn, status: "inProgress" } : turn;
        return { ...page, data: page.data.map(running) };
      },
    }),
  },
  {
    name: "items of one turn are the items of all",
    caughtBy: ["items.pages", "bad-input.shapes"],
    plant: (store) => ({
      listItems: ({ turnId: _turnId, ...rest }) => store.listItems(rest),
    }),
  },
  {
    name: "a cursor of items whose turn is gone begins again",
    caughtBy: ["items.rolled-back-cursor", "bad-input.shapes"],
    plant: (store) => ({
      listItems: async (params) => {
        try {
          return await store.listItems(params);
        } catch (error) {
          const { cursor, ...rest } = params;
          if (cursor === undefined) throw error;
          return store.listItems(rest);
        }
      },
    }),
  },
  {
    name: "a cursor of another order is taken by its moment",
    caughtBy: ["bad-input.cursors"],
    plant: (store) => ({
      listThreads: async (params = {}) => {
        try {
          return await store.listThreads(params);
        } catch (error) {
          if (!isSkeinError(error, "invalid_cursor") || params.cursor === undefined) throw error;
          const position: unknown = parsed(Buffer.from(params.cursor, "base64url").toString("utf8"));
          if (typeof position !== "object" || position === null) throw error;
          const moved = JSON.stringify({ ...position, k: params.sortKey ?? "created_at" });
          return store.listThreads({ ...params, cursor: Buffer.from(moved).toString("base64url") });
        }
      },
    }),
  },
  {
    name: "a store says that it has rollout files and names none",
    caughtBy: ["bad-input.paths"],
    plant: (store) => ({ capabilities: { ...store.capabilities, paths: true } }),
  },
  {
    name: "an id that is none is not found",
    caughtBy: ["bad-input.thread-ids"],
    plant: (store) => ({
      readThread: async (params) => {
        try {
          return await store.readThread(params);
        } catch {
          throw rejection("thread_not_found", `thread not found: ${params.threadId}`);
        }
      },
    }),
  },
  {
    name: "only the canonical spelling of an id is known",
    caughtBy: ["bad-input.spellings"],
    plant: (store) => ({
      readThread: async (params) => {
        const { threadId } = params;
        if (canonicalThreadId(threadId) === threadId) return store.readThread(params);
        throw rejection("invalid_thread_id", "a thread id is a UUID", { threadId });
      },
    }),
  },
];

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
