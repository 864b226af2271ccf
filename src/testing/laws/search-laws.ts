/**
 * Laws of search: what is looked for is text and nothing else, however short, in whatever script, and what is
 * found is what stands in a thread's name or its messages. The model is the plain one: lower case of the text
 * includes lower case of the query.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { SearchThreadsParams, StoredThread, ThreadStore } from "../../store/index.ts";
import { agentMessage, refused, seedThread, userMessage, withStore } from "../law-steps.ts";
import { anyPopulation, idsOf, inOrder, populate, readEach } from "../list-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

/** The laws of this file. */
export const searchLaws: readonly PlainLaw[] = (
  [
    {
      id: "search.finds",
      title: "search finds names, user and agent messages, newest thread first, each thread once",
      run: searchFinds,
    },
    {
      id: "search.literal",
      title: "search takes every sign of its query literally, also those that mean something to SQL, FTS or a pattern",
      run: signsAreLiteral,
    },
    {
      id: "search.short",
      title: "search finds terms of one and two letters as well",
      run: shortTermsAreFound,
    },
    {
      id: "search.unicode",
      title: "search finds terms in any script, whatever their case: CJK of 1 to 3 signs, joined emoji, accents",
      run: scriptsAreFound,
    },
    {
      id: "search.snippet",
      title: "a snippet is a piece of the thread's own text with the match in it, and short",
      run: snippetsShowTheMatch,
    },
    {
      id: "search.pages",
      title: "the pages of a search hold each thread once, newest (updated_at, id) first, for any page size",
      run: searchPagesAreComplete,
    },
    {
      id: "search.rolled-back",
      title: "search finds the turns that stand and none that was rolled back",
      run: rolledBackIsNotFound,
    },
    {
      id: "search.archived",
      title: "search looks at live threads, archived ones or both, and at no deleted one",
      run: archivedIsAFilter,
    },
  ] as const
).map((law) => ({ ...law, needs: ["search"] }));

interface Found {
  readonly id: string;
  readonly snippet: string;
}

/** Everything a search finds, page by page. */
async function search(store: ThreadStore, params: SearchThreadsParams): Promise<readonly Found[]> {
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

function includesText(text: string, query: string): boolean {
  return text.toLowerCase().includes(query.toLowerCase());
}

/** A snippet without the marks of where it was cut. */
function uncut(snippet: string): string {
  return snippet.replace(/^…/u, "").replace(/…$/u, "");
}

function showsMatch({ snippet }: Found, texts: readonly string[], query: string): void {
  const shown = JSON.stringify(snippet);
  ok(includesText(snippet, query), `the snippet shows the match: ${shown}`);
  ok(snippet.isWellFormed(), `the snippet was cut within a sign: ${shown}`);
  ok(
    texts.some((text) => text.includes(uncut(snippet))),
    `the snippet is of the thread's own text: ${shown}`,
  );
}

/** Texts and queries of these signs; some of the queries stand in some of the texts. */
async function searchFollowsTheModel(
  fixture: StoreFixture,
  signs: readonly string[],
  queryLength: { readonly minLength: number; readonly maxLength: number },
): Promise<void> {
  const sign = fc.constantFrom(...signs);
  const joined = (length: typeof queryLength): fc.Arbitrary<string> =>
    fc
      .array(sign, length)
      .map((parts) => parts.join("").trim())
      .filter((text) => text !== "");
  const texts = fc.array(fc.tuple(joined({ minLength: 1, maxLength: 12 }), joined({ minLength: 1, maxLength: 12 })), {
    minLength: 4,
    maxLength: 8,
  });
  const queries = fc.array(joined(queryLength), { minLength: 10, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(texts, queries, (written, asked) =>
      withStore(fixture, async (store) => {
        const textsOf = new Map<string, readonly string[]>();
        for (const said of written) {
          const { id } = await seedThread(store, [userMessage(said[0]), agentMessage(said[1])]);
          textsOf.set(id, said);
        }
        for (const query of [...signs.filter((one) => one.trim() !== ""), ...asked]) {
          const found = await search(store, { query });
          const matching = [...textsOf].filter(([, said]) => said.some((text) => includesText(text, query)));
          const expected = matching.map(([id]) => id).toSorted();
          deepEqual(idsOf(found).toSorted(), expected, `looked for ${JSON.stringify(query)}`);
          for (const one of found) showsMatch(one, textsOf.get(one.id) ?? [], query);
        }
      }),
    ),
    { numRuns: 10 },
  );
}

async function signsAreLiteral(fixture: StoreFixture): Promise<void> {
  const signs = "ab %_\"'`*()[]{}\\^$.?+|-:;,/#@!<>=~&".split("");
  const words = ["AND ", " OR ", "NOT", "NEAR(", "a*", '"a"', "\n"];
  await searchFollowsTheModel(fixture, [...signs, ...words], { minLength: 1, maxLength: 5 });
}

async function shortTermsAreFound(fixture: StoreFixture): Promise<void> {
  await searchFollowsTheModel(fixture, "abcAB c1".split(""), { minLength: 1, maxLength: 2 });
}

async function scriptsAreFound(fixture: StoreFixture): Promise<void> {
  const cjk = ["東", "京", "都", "日本", "東京都", "かな", "한", "국어", "𠮷"];
  const emoji = ["😀", "👍🏽", "👩", "👨‍👩‍👧", "🏳️‍🌈", "🇩🇪"];
  const cased = ["é", "École", "ÉCOLE", "Ärger", "ÄRGER", "ñ", "Привет", "ПРИВЕТ", "ωμ", "ΩΜ", "Łódź"];
  await searchFollowsTheModel(fixture, [...cjk, ...emoji, ...cased, " ", "e", "a"], { minLength: 1, maxLength: 3 });
}

async function snippetsShowTheMatch(fixture: StoreFixture): Promise<void> {
  const filler = fc.constantFrom("", "x ", "a word or two. ", "𠮷", "😀", "é", "\n");
  const around = fc.tuple(filler, fc.constantFrom(0, 1, 29, 30, 61, 2_000));
  const queries = fc.constantFrom("needle", "NEEDLE", "n", "ne", "東京", "👨‍👩‍👧", "ÄRGER", "a needle's eye");
  const cases = fc.record({
    before: around,
    behind: around,
    query: queries,
    place: fc.constantFrom("name" as const, "user" as const, "agent" as const, "second turn" as const),
  });
  await fc.assert(
    fc.asyncProperty(cases, ({ before, behind, query, place }) =>
      withStore(fixture, async (store) => {
        // A name is shorter than what is said may be.
        const filled = ([part, times]: readonly [string, number]): string =>
          part.repeat(place === "name" ? Math.min(times, 100) : times);
        // What is found is in lower case, and in one text alone.
        const text = `${filled(before)}${query.toLowerCase()}${filled(behind)}`.trim();
        const at = (where: typeof place, otherwise: string): string => (place === where ? text : otherwise);
        const said = [at("user", "0"), at("agent", "1"), "2", at("second turn", "3")] as const;
        const { id } = await seedThread(store, [
          userMessage(said[0]),
          agentMessage(said[1]),
          userMessage(said[2]),
          agentMessage(said[3]),
        ]);
        const name = at("name", "4");
        await store.updateThreadMetadata({ threadId: id, patch: { name } });
        const [found, ...others] = await search(store, { query });
        ok(found !== undefined && others.length === 0, "the thread is found, once");
        equal(found.id, id);
        showsMatch(found, [...said, name], query);
        ok(found.snippet.length <= 2_000, `a snippet is short, not ${found.snippet.length} characters`);
      }),
    ),
    { numRuns: 40 },
  );
}

async function searchPagesAreComplete(fixture: StoreFixture): Promise<void> {
  await fc.assert(
    fc.asyncProperty(anyPopulation(), fc.integer({ min: 1, max: 4 }), async (population, limit) => {
      const clock = createSettableClock();
      await withStore(
        fixture,
        async (store) => {
          const threads = await readEach(store, await populate(store, clock, population));
          await seedThread(store, [userMessage("something else")]);
          const found = await search(store, { query: "hello", limit });
          deepEqual(idsOf(found), inOrder(threads, "updated_at", "desc"));
          const whole = await store.searchThreads({ query: "hello", limit: threads.length });
          equal(whole.nextCursor, null, "a full last page is the last");
          deepEqual(
            threadsOf(whole.data),
            await readEach(store, idsOf(found)),
            "what is found is the thread as it is read",
          );
          await refused(store.searchThreads({ query: "hello", cursor: "zzz" }), "invalid_cursor");
          await refused(store.searchThreads({ query: "hello", limit: 0 }), "invalid_argument");
          await refused(store.searchThreads({ query: " " }), "invalid_argument");
        },
        { clock },
      );
    }),
    { numRuns: 12 },
  );
}

function threadsOf(data: readonly { readonly thread: StoredThread }[]): readonly StoredThread[] {
  return data.map(({ thread }) => thread);
}

function event(type: string, members: Readonly<Record<string, unknown>>): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

/** A turn that says the words of a number, as they stand in no other number's. */
function turnOf(n: number): readonly AppendableItem[] {
  return [
    event("task_started", { turn_id: `turn-${n}` }),
    userMessage(`question <${n}>`),
    agentMessage(`answer <${n}>`),
    event("task_complete", { turn_id: `turn-${n}` }),
  ];
}

async function rolledBackIsNotFound(fixture: StoreFixture): Promise<void> {
  const rounds = fc.array(fc.record({ turns: fc.integer({ min: 1, max: 3 }), rolledBack: fc.nat(3) }), {
    minLength: 1,
    maxLength: 3,
  });
  await fc.assert(
    fc.asyncProperty(rounds, (said) =>
      withStore(fixture, async (store) => {
        const { id, writer } = await seedThread(store, []);
        const standing: number[] = [];
        let next = 0;
        for (const { turns, rolledBack } of said) {
          for (const last = next + turns; next < last; next += 1) {
            await store.appendItems({ writer, items: turnOf(next) });
            standing.push(next);
          }
          if (rolledBack > 0) {
            await store.appendItems({ writer, items: [event("thread_rolled_back", { num_turns: rolledBack })] });
            standing.splice(Math.max(0, standing.length - rolledBack));
          }
          // Looked for after each round: what was found before must be forgotten.
          for (let n = 0; n < next; n += 1) {
            for (const query of [`question <${n}>`, `answer <${n}>`, `<${n}`]) {
              deepEqual(idsOf(await search(store, { query })), standing.includes(n) ? [id] : [], query);
            }
          }
        }
      }),
    ),
    { numRuns: 12 },
  );
}

async function archivedIsAFilter(fixture: StoreFixture): Promise<void> {
  const clock = createSettableClock();
  await withStore(
    fixture,
    async (store) => {
      const ids: string[] = [];
      for (let n = 0; n < 5; n += 1) {
        clock.advance(10);
        ids.push((await seedThread(store, [userMessage("needle")])).id);
      }
      const [live = "", archived = "", back = "", deleted = "", gone = ""] = ids;
      for (const id of [archived, back, gone]) await store.archiveThread(id);
      await store.unarchiveThread(back);
      for (const id of [deleted, gone]) await store.deleteThread(id);
      const needles = async (params: Partial<SearchThreadsParams>): Promise<readonly string[]> =>
        idsOf(await search(store, { query: "needle", limit: 1, ...params }));
      deepEqual(await needles({}), [back, archived, live]);
      deepEqual(await needles({ archived: false }), [back, live]);
      deepEqual(await needles({ archived: true }), [archived]);
    },
    { clock },
  );
}

async function searchFinds(fixture: StoreFixture): Promise<void> {
  const clock = createSettableClock();
  await withStore(
    fixture,
    async (store) => {
      const seed = async (user: string, agent: string, name: string | null): Promise<string> => {
        clock.advance(10);
        const { id } = await seedThread(store, [userMessage(user), agentMessage(agent)]);
        if (name !== null) await store.updateThreadMetadata({ threadId: id, patch: { name } });
        return id;
      };
      const byUser = await seed("where is the needle", "in the hay", null);
      const byAgent = await seed("question", "a NEEDLE lies here", null);
      const byName = await seed("question", "answer", "Needlework");
      await seed("haystack", "only hay", "nothing");
      await store.archiveThread(byAgent);
      const needles = async (archived?: boolean): Promise<readonly string[]> => {
        const found = await search(store, {
          query: "needle",
          limit: 1,
          ...(archived === undefined ? {} : { archived }),
        });
        for (const { snippet } of found) ok(includesText(snippet, "needle"), "the snippet shows the match");
        return idsOf(found);
      };
      deepEqual(await needles(), [byName, byAgent, byUser]);
      deepEqual(await needles(false), [byName, byUser]);
      deepEqual(await needles(true), [byAgent]);
      deepEqual((await store.searchThreads({ query: "no such text" })).data, []);
    },
    { clock },
  );
}
