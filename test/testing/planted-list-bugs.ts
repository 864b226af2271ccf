/**
 * Bugs of answers over all threads: orders that follow the wrong time, walks that don't meet, filters that let too
 * much or too little through, and searches that take a query for more than its text. The laws of `list` and
 * `search` find them.
 */
import type { SearchThreadsResult, StoredThread, ThreadStore } from "../../src/store/index.ts";
import type { PlantedBug } from "./planted-bug.ts";

const listBugs: readonly PlantedBug[] = [
  {
    name: "recency is the time of the newest record, whatever it is",
    caughtBy: ["list.recency"],
    plant: (store) => ({
      listThreads: (params = {}) =>
        store.listThreads(params.sortKey === "recency_at" ? { ...params, sortKey: "updated_at" } : params),
    }),
  },
  {
    name: "a walk sees its keys as they are at each page",
    caughtBy: ["list.recency", "list.under-writes"],
    plant: (store) => ({
      listThreads: async (params) => {
        const page = await store.listThreads(params);
        return { ...page, nextCursor: page.nextCursor === null ? null : unfrozen(page.nextCursor) };
      },
    }),
  },
  {
    name: "the last page leads back from where it was come to",
    caughtBy: ["list.walks-meet", "list.backwards"],
    plant: (store) => ({
      listThreads: async (params = {}) => {
        const page = await store.listThreads(params);
        if (page.nextCursor !== null || params.cursor === undefined) return page;
        return { ...page, backwardsCursor: params.cursor };
      },
    }),
  },
  {
    name: "a walk back sees nothing that was written since",
    caughtBy: ["list.back-is-new"],
    plant: (store) => {
      const seen = new Set<string>();
      const knownTo = new Map<string, ReadonlySet<string>>();
      return {
        listThreads: async (params = {}) => {
          const page = await store.listThreads(params);
          const known = params.cursor === undefined ? undefined : knownTo.get(params.cursor);
          const all = await store.listThreads({ limit: 1_000, archived: params.archived ?? false });
          for (const thread of all.data) seen.add(versionOf(thread));
          if (known === undefined && page.backwardsCursor !== null) knownTo.set(page.backwardsCursor, new Set(seen));
          if (known !== undefined && page.nextCursor !== null) knownTo.set(page.nextCursor, known);
          return known === undefined
            ? page
            : { ...page, data: page.data.filter((thread) => known.has(versionOf(thread))) };
        },
      };
    },
  },
  {
    name: "a list is as of its newest thread",
    caughtBy: ["list.says-as-of"],
    plant: (store) => ({
      listThreads: async (params) => {
        const page = await store.listThreads(params);
        return { ...page, asOfMs: Math.max(0, ...page.data.map((thread) => thread.updatedAtMs)) };
      },
    }),
  },
  {
    name: "a list with a filter says that it is not complete",
    caughtBy: ["list.says-as-of"],
    plant: (store) => ({
      listThreads: async (params) => ({
        ...(await store.listThreads(params)),
        isComplete: Object.keys(params ?? {}).length === 0,
      }),
    }),
  },
  {
    name: "no folders to list by are all folders",
    caughtBy: ["list.filters"],
    plant: (store) => ({
      listThreads: (params = {}) => {
        const { cwds, ...rest } = params;
        return store.listThreads(cwds?.length === 0 ? rest : params);
      },
    }),
  },
  {
    name: "no more than a hundred folders are looked for",
    caughtBy: ["list.filters"],
    plant: (store) => ({
      listThreads: (params = {}) => {
        const { cwds } = params;
        return store.listThreads(cwds === undefined ? params : { ...params, cwds: cwds.slice(0, 100) });
      },
    }),
  },
  {
    name: "a thread's descendants are its children",
    caughtBy: ["list.lineage"],
    plant: (store) => ({
      listThreads: (params = {}) => {
        const { ancestorThreadId, ...rest } = params;
        if (ancestorThreadId === undefined || rest.parentThreadId !== undefined) return store.listThreads(params);
        return store.listThreads({ ...rest, parentThreadId: ancestorThreadId });
      },
    }),
  },
  {
    name: "a thread in a circle is below itself",
    caughtBy: ["list.lineage"],
    plant: (store) => ({
      listThreads: async (params = {}) => {
        const page = await store.listThreads(params);
        const { ancestorThreadId, cursor } = params;
        const itself = page.data.length === 0 || cursor !== undefined ? [] : await readIfThere(store, ancestorThreadId);
        return { ...page, data: [...page.data, ...itself.filter((thread) => thread.parentThreadId !== null)] };
      },
    }),
  },
];

/** Of places that outlive their handles. */
const laterHandleBugs: readonly PlantedBug[] = [
  {
    name: "after reopening, a list by the newest write is by creation",
    caughtBy: ["list.reopened"],
    plant: (store, isReopened) => ({
      listThreads: (params = {}) =>
        store.listThreads(
          isReopened && params.sortKey === "updated_at" ? { ...params, sortKey: "created_at" } : params,
        ),
    }),
  },
  {
    name: "a second handle believes the pages that it has read",
    caughtBy: ["list.two-handles"],
    claims: { multiProcess: true },
    plant: (store, isReopened) => {
      const listThreads = remembering(store.listThreads.bind(store));
      return isReopened ? { listThreads } : {};
    },
  },
  {
    name: "a second handle believes what it has found",
    caughtBy: ["search.two-handles"],
    claims: { multiProcess: true },
    plant: (store, isReopened) => {
      const searchThreads = remembering(store.searchThreads.bind(store));
      return isReopened ? { searchThreads } : {};
    },
  },
];

const searchBugs: readonly PlantedBug[] = [
  {
    name: "what was found once is found again",
    caughtBy: ["search.deleted"],
    plant: (store) => ({ searchThreads: remembering(store.searchThreads.bind(store)) }),
  },
  {
    name: "a search drops the signs that mean something to FTS",
    caughtBy: ["search.literal"],
    plant: (store) => ({
      searchThreads: async (params) => {
        const query = params.query.replaceAll(/["'*()\\]/gu, "");
        return query === "" ? nothingFound(store, params.query) : store.searchThreads({ ...params, query });
      },
    }),
  },
  {
    name: "a search has nothing for terms that are shorter than a trigram",
    caughtBy: ["search.short", "search.unicode"],
    plant: (store) => ({
      searchThreads: async (params) =>
        Array.from(params.query).length < 3 ? nothingFound(store, params.query) : store.searchThreads(params),
    }),
  },
  {
    name: "a search ignores the case of ASCII alone",
    caughtBy: ["search.unicode"],
    plant: (store) => ({
      searchThreads: async (params) => {
        const page = await store.searchThreads(params);
        const query = asciiLower(params.query);
        return { ...page, data: page.data.filter(({ snippet }) => asciiLower(snippet).includes(query)) };
      },
    }),
  },
  {
    name: "a snippet is the thread's preview",
    caughtBy: ["search.snippet", "search.finds"],
    plant: (store) => ({
      searchThreads: async (params) => {
        const page = await store.searchThreads(params);
        return { ...page, data: page.data.map(({ thread }) => ({ thread, snippet: thread.preview })) };
      },
    }),
  },
  {
    name: "a snippet is cut in the middle of a sign",
    caughtBy: ["search.snippet"],
    plant: (store) => ({
      searchThreads: async (params) => {
        const page = await store.searchThreads(params);
        return { ...page, data: page.data.map((one) => ({ ...one, snippet: one.snippet.replace(/^…./u, cutInHalf) })) };
      },
    }),
  },
  {
    name: "a page of a search begins with the last thread of the one before",
    caughtBy: ["search.pages", "search.finds"],
    plant: (store) => {
      const lastOf = new Map<string, SearchThreadsResult["data"][number]>();
      return {
        searchThreads: async (params) => {
          const page = await store.searchThreads(params);
          const before = params.cursor === undefined ? undefined : lastOf.get(params.cursor);
          const last = page.data.at(-1);
          if (page.nextCursor !== null && last !== undefined) lastOf.set(page.nextCursor, last);
          const limit = params.limit ?? 25;
          return before === undefined ? page : { ...page, data: [before, ...page.data].slice(0, limit) };
        },
      };
    },
  },
  {
    name: "a search finds what a thread was about before it was rolled back",
    caughtBy: ["search.rolled-back"],
    plant: (store) => ({
      searchThreads: async (params) => {
        const page = await store.searchThreads(params);
        const { data } = await store.listThreads({ limit: 1_000 });
        const told = await Promise.all(data.map(({ id }) => store.readThread({ threadId: id, includeHistory: true })));
        const known = new Set(page.data.map(({ thread }) => thread.id));
        const more = told.filter((thread) => !known.has(thread.id) && hasSaid(thread, params.query));
        return { ...page, data: [...page.data, ...more.map((thread) => ({ thread, snippet: params.query }))] };
      },
    }),
  },
  {
    name: "a search looks at live threads unless it is told otherwise",
    caughtBy: ["search.archived"],
    plant: (store) => ({
      searchThreads: (params) => store.searchThreads({ ...params, archived: params.archived ?? false }),
    }),
  },
];

/** The bugs. */
export const listAndSearchBugs: readonly PlantedBug[] = [...listBugs, ...laterHandleBugs, ...searchBugs];

function versionOf({ id, updatedAtMs }: StoredThread): string {
  return `${id} ${updatedAtMs}`;
}

/** Answers what it answered before to the same parameters. */
function remembering<Params, Answer>(call: (params: Params) => Promise<Answer>): (params: Params) => Promise<Answer> {
  const answers = new Map<string, Promise<Answer>>();
  return (params) => {
    const key = JSON.stringify(params);
    const answer = answers.get(key) ?? call(params);
    answers.set(key, answer);
    return answer;
  };
}

/** The cursor without the moment its walk began at. */
function unfrozen(cursor: string): string {
  const { a: _asOfMs, ...position } = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8")) as { a?: number };
  return Buffer.from(JSON.stringify(position), "utf8").toString("base64url");
}

async function readIfThere(store: ThreadStore, threadId: string | undefined): Promise<readonly StoredThread[]> {
  if (threadId === undefined) return [];
  try {
    return [await store.readThread({ threadId })];
  } catch {
    return [];
  }
}

async function nothingFound(store: ThreadStore, query: string): Promise<SearchThreadsResult> {
  return { ...(await store.searchThreads({ query })), data: [], nextCursor: null };
}

function asciiLower(text: string): string {
  return text.replaceAll(/[A-Z]/gu, (letter) => letter.toLowerCase());
}

function cutInHalf(begin: string): string {
  return begin.length === 3 ? `…${begin.slice(2)}` : begin;
}

function hasSaid({ history = [] }: StoredThread, query: string): boolean {
  return history.some(
    ({ item }) => item.type === "event_msg" && JSON.stringify(item.payload["message"] ?? "").includes(query),
  );
}
