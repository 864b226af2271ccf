/**
 * Requests that read: lists, search, a thread, its turns and items, and the summary that old clients ask for.
 * They change nothing and load nothing; pages are
 * answered by cursors that hold across writes.
 */
import { z } from "zod";

import { request } from "./definition.ts";
import { threadItem } from "./item-objects.ts";
import { sortDirection, thread, turn, turnItemsView } from "./thread-objects.ts";
import { once } from "./once.ts";
import { int, u32 } from "./whole-numbers.ts";
import { json, list, part, struct, words } from "./wire-schema.ts";

const HYPHENATED = "[\\da-f]{8}(?:-[\\da-f]{4}){3}-[\\da-f]{12}";
const cursor = (): z.ZodType<string | null | undefined> =>
  z.string().nullish().describe("From an earlier page, as it was given.");
const pageSize = (): z.ZodType<number | null | undefined> => u32().nullish().describe("Default 25, at most 100.");
const next = (): z.ZodType<string | null> => z.string().nullable().describe("Where the next page begins, or null.");
const back = (): z.ZodType<string | null> =>
  z.string().nullable().describe("For the other `sortDirection`: the first entry of this page again, and before it.");
const before = () =>
  z.string().nullable().describe("For the other `sortDirection`: what comes before this page. Null on an empty page.");

const sourceKind = once(() =>
  words("ThreadSourceKind", "Who began a thread, as a filter.", [
    "cli",
    "vscode",
    "exec",
    "appServer",
    "subAgent",
    "subAgentReview",
    "subAgentCompact",
    "subAgentThreadSpawn",
    "subAgentOther",
    "unknown",
  ]),
);

const itemEntry = once(() =>
  struct("ThreadItemEntry", "An item and its turn.", {
    turnId: z.string(),
    item: threadItem(),
    startedAtMs: int().nullable(),
    completedAtMs: int().nullable(),
  }),
);

const itemsPage = once(() =>
  struct("ThreadItemsListResponse", "A page of items.", {
    data: list(itemEntry()),
    nextCursor: next(),
    backwardsCursor: back(),
  }),
);

const lists = {
  "thread/list": request({
    doc: "A page of stored threads, complete and without doubles even while threads are written.",
    params: () =>
      struct("ThreadListParams", "Which threads, in which order.", {
        cursor: cursor(),
        limit: pageSize(),
        sortKey: words("ThreadSortKey", "What the order goes by.", ["created_at", "updated_at"])
          .nullish()
          .describe("Default `created_at`."),
        sortDirection: sortDirection().nullish().describe("Default `desc`."),
        modelProviders: list(z.string())
          .nullish()
          .describe("Absent or null: the server's own provider; empty: all of them."),
        sourceKinds: list(sourceKind()).nullish().describe("Absent, null or empty: what people began themselves."),
        archived: z.boolean().nullish().describe("True: only archived threads; else only others."),
        cwd: z
          .union([z.string(), z.array(z.string())])
          .meta({ id: "ThreadListCwdFilter", description: "Working folders; an empty list finds nothing." })
          .nullish(),
        useStateDbOnly: z.boolean().optional().describe("Read the state DB alone; without one the page is empty."),
        searchTerm: z.string().nullish().describe("A part of the name or of the first message."),
      }),
    result: () =>
      struct("ThreadListResponse", "A page of threads.", {
        data: list(thread()),
        nextCursor: next(),
        backwardsCursor: before(),
      }),
  }),
  "thread/search": request({
    doc: "Stored threads in which a text occurs, with the place where.",
    since: "codex-0.169",
    params: () =>
      struct("ThreadSearchParams", "What to look for.", {
        searchTerm: z.string(),
        cursor: cursor(),
        limit: pageSize(),
        sortKey: words("ThreadSearchSortKey", "What the order goes by.", [
          "created_at",
          "updated_at",
          "recency_at",
        ]).nullish(),
        sortDirection: sortDirection().nullish(),
        sourceKinds: list(sourceKind()).nullish(),
        archived: z.boolean().nullish(),
      }),
    result: () =>
      struct("ThreadSearchResponse", "A page of threads.", {
        data: list(
          struct("ThreadSearchResult", "A thread and where the text is.", { thread: thread(), snippet: z.string() }),
        ),
        nextCursor: next(),
        backwardsCursor: z.string().nullable().describe("Null: the other direction is not served."),
      }),
  }),
  "thread/loaded/list": request({
    doc: "Ids of the threads that this server has loaded, in ascending order.",
    params: () =>
      struct("ThreadLoadedListParams", "Which page.", {
        cursor: cursor(),
        limit: u32().nullish().describe("Default: all of them."),
      }),
    result: () => struct("ThreadLoadedListResponse", "A page of ids.", { data: list(z.string()), nextCursor: next() }),
  }),
} as const;

const reads = {
  "thread/read": request({
    doc: "A thread, loaded or not, archived or not.",
    queue: "thread",
    params: () =>
      struct("ThreadReadParams", "Which thread.", {
        threadId: z.string(),
        includeTurns: z.boolean().optional(),
      }),
    result: () => struct("ThreadReadResponse", "The thread.", { thread: thread() }),
  }),
  "thread/turns/list": request({
    doc: "A page of a thread's turns. It costs the page, not the thread.",
    experimental: true,
    params: () =>
      struct("ThreadTurnsListParams", "Which turns.", {
        threadId: z.string(),
        cursor: cursor(),
        limit: pageSize(),
        sortDirection: sortDirection().nullish().describe("Default `desc`."),
        itemsView: turnItemsView().nullish().describe("Default `summary`."),
      }),
    result: () =>
      struct("ThreadTurnsListResponse", "A page of turns.", {
        data: list(turn()),
        nextCursor: next(),
        backwardsCursor: back(),
      }),
  }),
  "thread/items/list": request({
    doc: "A page of a thread's items, of one turn or across turns.",
    since: "codex-0.169",
    params: () =>
      struct("ThreadItemsListParams", "Which items.", {
        threadId: z.string(),
        turnId: z.string().nullish().describe("Absent or null: items of all turns."),
        cursor: z
          .union([z.string(), z.object({ type: z.literal("item"), itemId: z.string() })])
          .meta({
            id: "ThreadItemsListCursor",
            description:
              "From an earlier page; or an item of the turn, which the page begins after (asc) or before (desc).",
          })
          .nullish(),
        limit: pageSize(),
        sortDirection: sortDirection().nullish().describe("Default `asc`."),
      }),
    result: itemsPage,
  }),
  "thread/turns/items/list": request({
    doc: "A page of one turn's items. `thread/items/list` says more.",
    experimental: true,
    params: () =>
      struct("ThreadTurnsItemsListParams", "Which items.", {
        threadId: z.string(),
        turnId: z.string(),
        cursor: cursor(),
        limit: pageSize(),
        sortDirection: sortDirection().nullish(),
      }),
    result: itemsPage,
  }),
  getConversationSummary: request({
    doc: "What is known of a stored thread, by its id or by its rollout file. Only a store with files knows paths.",
    params: () =>
      z
        .union([z.object({ rolloutPath: z.string() }), z.object({ conversationId: conversationId() })])
        .meta({ id: "GetConversationSummaryParams", description: "Which thread." }),
    result: () =>
      struct("GetConversationSummaryResponse", "What is known of the thread.", {
        summary: struct("ConversationSummary", "What is known of a stored thread.", {
          conversationId: z.string(),
          path: z.string(),
          preview: z.string(),
          timestamp: z.string().nullable().describe("RFC 3339."),
          updatedAt: z.string().nullable().describe("RFC 3339."),
          modelProvider: z.string(),
          cwd: z.string(),
          cliVersion: z.string(),
          source: json().describe("As the file says it."),
          gitInfo: part({
            sha: z.string().nullable(),
            branch: z.string().nullable(),
            origin_url: z.string().nullable(),
          }).nullable(),
        }),
      }),
  }),
} as const;

/** A UUID in one of the spellings that the peer takes. */
const THREAD_ID = new RegExp(
  ["[\\da-f]{32}", `(?:urn:uuid:)?${HYPHENATED}`, `\\{${HYPHENATED}\\}`].map((one) => `^${one}$`).join("|"),
  "iu",
);

/** An id of a thread, which is refused here when it is none. */
function conversationId(): z.ZodType<string> {
  return z.string().regex(THREAD_ID);
}

/** Requests that read. */
export const READING_REQUESTS = { ...lists, ...reads } as const;
