/**
 * What laws of search do over and over: walk what a search finds to its end, hold each snippet to the text it is
 * of, and hold a search to the plain model, in which a text is found when its lower case includes the query's.
 */
import { deepEqual, ok } from "node:assert/strict";

import fc from "fast-check";

import type { SearchThreadsParams, ThreadStore } from "../store/index.ts";
import { agentMessage, seedThread, userMessage } from "./law-steps.ts";
import { idsOf } from "./list-steps.ts";
import type { LawPlace } from "./store-law.ts";

/** A thread that was found. */
export interface Found {
  readonly id: string;
  readonly snippet: string;
}

/** Everything a search finds, page by page. */
export async function search(store: ThreadStore, params: SearchThreadsParams): Promise<readonly Found[]> {
  const found: Found[] = [];
  let cursor: string | null = null;
  do {
    const page = await store.searchThreads({ ...params, ...(cursor === null ? {} : { cursor }) });
    ok(page.data.length <= (params.limit ?? Infinity), "a page is longer than asked for");
    ok(page.data.length > 0 || page.nextCursor === null, "an empty page is the last one");
    found.push(...page.data.map(({ thread, snippet }) => ({ id: thread.id, snippet })));
    cursor = page.nextCursor;
  } while (cursor !== null);
  return found;
}

/** Whatever its case. */
export function includesText(text: string, query: string): boolean {
  return text.toLowerCase().includes(query.toLowerCase());
}

/** Checks that a snippet is of the thread's own text, has the match in it, and was cut between signs. */
export function showsMatch({ snippet }: Found, texts: readonly string[], query: string): void {
  const shown = JSON.stringify(snippet);
  ok(includesText(snippet, query), `the snippet shows the match: ${shown}`);
  ok(snippet.isWellFormed(), `the snippet was cut within a sign: ${shown}`);
  ok(
    texts.some((text) => text.includes(uncut(snippet))),
    `the snippet is of the thread's own text: ${shown}`,
  );
}

/** A snippet without the marks of where it was cut. */
function uncut(snippet: string): string {
  return snippet.replace(/^…/u, "").replace(/…$/u, "");
}

/** What is said in threads, by its user and its agent, and what is looked for. */
export interface Looking {
  readonly texts: readonly (readonly [user: string, agent: string])[];
  readonly queries: readonly string[];
}

/** Texts and queries of these signs, so that some of the queries stand in some of the texts. */
export function arbLooking(signs: readonly string[], queryLength: fc.ArrayConstraints): fc.Arbitrary<Looking> {
  const sign = fc.constantFrom(...signs);
  const joined = (length: fc.ArrayConstraints): fc.Arbitrary<string> =>
    fc
      .array(sign, { size: "max", ...length })
      .map((parts) => parts.join("").trim())
      .filter((text) => text !== "");
  const text = joined({ minLength: 1, maxLength: 12 });
  // Each sign alone is as likely as all longer queries together.
  const query = fc.oneof(
    fc.constantFrom(...signs.filter((one) => one.trim() !== "").map((one) => one.trim())),
    joined(queryLength),
  );
  return fc.record({
    texts: fc.array(fc.tuple(text, text), { minLength: 1, maxLength: 8, size: "max" }),
    queries: fc.array(query, { minLength: 1, maxLength: 40, size: "max" }),
  });
}

/** Each query finds the threads whose texts have it in them, and no other. */
export async function searchFollowsTheModel(place: LawPlace, { texts, queries }: Looking): Promise<void> {
  const store = await place.open();
  const textsOf = new Map<string, readonly string[]>();
  for (const said of texts) {
    const { id } = await seedThread(store, [userMessage(said[0]), agentMessage(said[1])]);
    textsOf.set(id, said);
  }
  for (const query of queries) {
    const found = await search(store, { query });
    const matching = [...textsOf].filter(([, said]) => said.some((text) => includesText(text, query)));
    const expected = matching.map(([id]) => id).toSorted();
    deepEqual(idsOf(found).toSorted(), expected, `looked for ${JSON.stringify(query)}`);
    for (const one of found) showsMatch(one, textsOf.get(one.id) ?? [], query);
  }
}
