/**
 * Laws of search: what is looked for is text and nothing else, however short, in whatever script, and what is
 * found is what stands in a thread's name or its messages. The model is the plain one: lower case of the text
 * includes lower case of the query.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import { agentMessage, seedThread, userMessage } from "../law-steps.ts";
import { anyWalked, idsOf, inOrder, openPopulated, readEach, type Walked } from "../list-steps.ts";
import { arbLooking, includesText, search, searchFollowsTheModel, showsMatch } from "../search-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import { type LawPlace, type StoreLaw, storeLaw, type StoreLawOptions } from "../store-law.ts";

const literalSigns = [
  ..."ab %_\"'`*()[]{}\\^$.?+|-:;,/#@!<>=~&".split(""),
  "AND ",
  " OR ",
  "NOT",
  "NEAR(",
  "a*",
  '"a"',
  "\n",
];
const cjk = ["東", "京", "都", "日本", "東京都", "かな", "한", "국어", "𠮷"];
const emoji = ["😀", "👍🏽", "👩", "👨‍👩‍👧", "🏳️‍🌈", "🇩🇪"];
const cased = ["é", "École", "ÉCOLE", "Ärger", "ÄRGER", "ñ", "Привет", "ПРИВЕТ", "ωμ", "ΩΜ", "Łódź"];
const scripts = [...cjk, ...emoji, ...cased, " ", "e", "a"];

/** The laws of this file. */
export const searchLaws: readonly StoreLaw[] = [
  searchLaw({
    id: "search.finds",
    title: "search finds names, user and agent messages, newest thread first, each thread once",
    runs: 10,
    generator: arbHay(),
    holds: searchFinds,
  }),
  searchLaw({
    id: "search.literal",
    title: "search takes every sign of its query literally, also those that mean something to SQL, FTS or a pattern",
    runs: 10,
    generator: arbLooking(literalSigns, { minLength: 1, maxLength: 5 }),
    holds: searchFollowsTheModel,
  }),
  searchLaw({
    id: "search.short",
    title: "search finds terms of one and two letters as well",
    runs: 6,
    generator: arbLooking("abcAB c1".split(""), { minLength: 1, maxLength: 2 }),
    holds: searchFollowsTheModel,
  }),
  searchLaw({
    id: "search.unicode",
    title: "search finds terms in any script, whatever their case: CJK of 1 to 3 signs, joined emoji, accents",
    runs: 10,
    generator: arbLooking(scripts, { minLength: 1, maxLength: 3 }),
    holds: searchFollowsTheModel,
  }),
  searchLaw({
    id: "search.snippet",
    title: "a snippet is a piece of the thread's own text with the match in it, and short",
    runs: 8,
    generator: fc.array(arbNeedle(), { minLength: 1, maxLength: 8, size: "max" }),
    holds: snippetsShowTheMatch,
  }),
  searchLaw({
    id: "search.pages",
    title: "the pages of a search hold each thread once, newest (updated_at, id) first, for any page size",
    runs: 10,
    generator: anyWalked(),
    holds: searchPagesAreComplete,
  }),
  searchLaw({
    id: "search.rolled-back",
    title: "search finds the turns that stand and none that was rolled back",
    runs: 10,
    generator: fc.array(fc.record({ turns: fc.integer({ min: 1, max: 3 }), rolledBack: fc.nat(3) }), {
      minLength: 1,
      maxLength: 3,
      size: "max",
    }),
    holds: rolledBackIsNotFound,
  }),
  searchLaw({
    id: "search.archived",
    title: "search looks at live threads, archived ones or both",
    needs: ["archive"],
    runs: 8,
    generator: fc.array(fc.constantFrom("live" as const, "archived" as const, "back" as const), {
      maxLength: 6,
      size: "max",
    }),
    holds: archivedIsAFilter,
  }),
  searchLaw({
    id: "search.deleted",
    title: "search finds no deleted thread",
    needs: ["delete"],
    runs: 6,
    generator: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
    holds: deletedIsNotFound,
  }),
  searchLaw({
    id: "search.two-handles",
    title: "a search by one handle finds what another has just written or named, and no more what it named otherwise",
    needs: ["multiProcess"],
    runs: 6,
    generator: fc.array(fc.record({ writer: fc.nat(1), named: fc.option(fc.constantFrom("needle", "hay")) }), {
      minLength: 1,
      maxLength: 5,
    }),
    holds: handlesFindEachOthers,
  }),
];

/** A law of stores that can search. */
function searchLaw<Example>(options: StoreLawOptions<Example>): StoreLaw {
  return storeLaw({ ...options, needs: ["search", ...(options.needs ?? [])] });
}

/** What a thread says, and the names it was given. */
interface Straw {
  readonly user: string;
  readonly agent: string;
  readonly names: readonly (string | null)[];
}

interface Hay {
  readonly straws: readonly Straw[];
  readonly queries: readonly string[];
  readonly limit: number;
}

function arbHay(): fc.Arbitrary<Hay> {
  const text = fc.constantFrom("where is the needle", "a NEEDLE lies here", "only hay", "Needlework", "question");
  const straw = fc.record({ user: text, agent: text, names: fc.array(fc.option(text), { maxLength: 2 }) });
  return fc.record({
    straws: fc.array(straw, { minLength: 1, maxLength: 6, size: "max" }),
    queries: fc.array(fc.constantFrom("needle", "hay", "Work", "question", "no such text"), {
      minLength: 1,
      maxLength: 6,
      size: "max",
    }),
    limit: fc.integer({ min: 1, max: 3 }),
  });
}

async function searchFinds(place: LawPlace, { straws, queries, limit }: Hay): Promise<void> {
  const clock = createSettableClock();
  const store = await place.open({ clock });
  const texts: { readonly id: string; readonly said: readonly string[] }[] = [];
  for (const { user, agent, names } of straws) {
    clock.advance(10);
    const { id } = await seedThread(store, [userMessage(user), agentMessage(agent)]);
    for (const name of names) await store.updateThreadMetadata({ threadId: id, patch: { name } });
    texts.unshift({ id, said: [user, agent, names.at(-1) ?? ""] });
  }
  for (const query of queries) {
    const found = await search(store, { query, limit });
    const matching = texts.filter(({ said }) => said.some((text) => includesText(text, query)));
    deepEqual(idsOf(found), idsOf(matching), `looked for ${query}`);
    for (const one of found) showsMatch(one, matching.find(({ id }) => id === one.id)?.said ?? [], query);
  }
}

/** A text with a needle in it, somewhere in a thread. What is found is in lower case, and in one text alone. */
interface Needle {
  readonly before: readonly [part: string, times: number];
  readonly behind: readonly [part: string, times: number];
  readonly query: string;
  readonly where: "name" | "user" | "agent" | "second turn";
}

function arbNeedle(): fc.Arbitrary<Needle> {
  const filler = fc.constantFrom("", "x ", "𠮷", "😀", "a word or two. ", "😀", "𠮷", "é", "\n");
  const around = fc.tuple(filler, fc.constantFrom(0, 1, 30, 61, 2_000));
  return fc.record({
    before: around,
    behind: around,
    query: fc.constantFrom("needle", "NEEDLE", "n", "ne", "東京", "👨‍👩‍👧", "ÄRGER", "a needle's eye"),
    where: fc.constantFrom("user" as const, "agent" as const, "second turn" as const, "name" as const),
  });
}

async function snippetsShowTheMatch(place: LawPlace, needles: readonly Needle[]): Promise<void> {
  const store = await place.open();
  const { claims } = place;
  for (const { before, behind, query, where } of needles) {
    // A name is shorter than what is said may be.
    const filled = ([part, times]: readonly [string, number]): string =>
      part.repeat(where === "name" ? Math.min(times, 100) : times);
    const text = `${filled(before)}${query.toLowerCase()}${filled(behind)}`.trim();
    const at = (there: Needle["where"], otherwise: string): string => (where === there ? text : otherwise);
    const said = [at("user", "0"), at("agent", "1"), "2", at("second turn", "3")] as const;
    const items = [userMessage(said[0]), agentMessage(said[1]), userMessage(said[2]), agentMessage(said[3])];
    const { id } = await seedThread(store, items);
    const name = at("name", "4");
    await store.updateThreadMetadata({ threadId: id, patch: { name } });
    const found = await search(store, { query });
    const mine = found.filter((one) => one.id === id);
    equal(mine.length, 1, "the thread is found, once");
    for (const one of mine) {
      showsMatch(one, [...said, name], query);
      ok(one.snippet.length <= 2_000, `a snippet is short, not ${one.snippet.length} characters`);
    }
    if (claims.delete) {
      equal(found.length, 1, "nothing else is found");
      await store.deleteThread(id);
    }
  }
}

async function searchPagesAreComplete(place: LawPlace, { population, limit }: Walked): Promise<void> {
  const { store, ids } = await openPopulated(place, population);
  const threads = await readEach(store, ids);
  await seedThread(store, [userMessage("something else")]);
  const found = await search(store, { query: "hello", limit });
  deepEqual(idsOf(found), inOrder(threads, { sortKey: "updated_at", sortDirection: "desc" }));
  const whole = await store.searchThreads({ query: "hello", limit: threads.length });
  equal(whole.nextCursor, null, "a full last page is the last");
  deepEqual(
    whole.data.map(({ thread }) => thread),
    await readEach(store, idsOf(found)),
    "what is found is the thread as it is read",
  );
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

interface Round {
  readonly turns: number;
  readonly rolledBack: number;
}

async function rolledBackIsNotFound(place: LawPlace, rounds: readonly Round[]): Promise<void> {
  const store = await place.open();
  const { id, writer } = await seedThread(store, []);
  const standing: number[] = [];
  let next = 0;
  for (const { turns, rolledBack } of rounds) {
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
}

async function archivedIsAFilter(place: LawPlace, fates: readonly ("live" | "archived" | "back")[]): Promise<void> {
  const clock = createSettableClock();
  const store = await place.open({ clock });
  const live: string[] = [];
  const archived: string[] = [];
  const both: string[] = [];
  for (const fate of fates) {
    clock.advance(10);
    const { id } = await seedThread(store, [userMessage("needle")]);
    if (fate !== "live") await store.archiveThread(id);
    if (fate === "back") await store.unarchiveThread(id);
    (fate === "archived" ? archived : live).unshift(id);
    both.unshift(id);
  }
  const query = { query: "needle", limit: 1 };
  deepEqual(idsOf(await search(store, query)), both);
  deepEqual(idsOf(await search(store, { ...query, archived: false })), live);
  deepEqual(idsOf(await search(store, { ...query, archived: true })), archived);
}

async function deletedIsNotFound(place: LawPlace, deleted: readonly boolean[]): Promise<void> {
  const store = await place.open();
  const ids: string[] = [];
  for (const _ of deleted) ids.push((await seedThread(store, [userMessage("needle")])).id);
  const find = async (): Promise<readonly string[]> => idsOf(await search(store, { query: "needle" })).toSorted();
  deepEqual(await find(), ids.toSorted());
  for (const [n, id] of ids.entries()) if (deleted[n] === true) await store.deleteThread(id);
  deepEqual(await find(), ids.filter((_, n) => deleted[n] !== true).toSorted());
}

interface WrittenBy {
  readonly writer: number;
  /** The name it is given by the other handle. */
  readonly named: string | null;
}

async function handlesFindEachOthers(place: LawPlace, writes: readonly WrittenBy[]): Promise<void> {
  const handles = [await place.open(), await place.open()];
  const handle = (n: number): (typeof handles)[number] => handles[n % 2] ?? fail("two handles");
  const names = new Map<string, string | null>();
  for (const { writer, named } of writes) {
    const opened = await seedThread(handle(writer), [userMessage("straw")]);
    await handle(writer).shutdownThread(opened.writer);
    names.set(opened.id, null);
    for (const id of names.keys()) {
      await handle(writer + 1).updateThreadMetadata({ threadId: id, patch: { name: named } });
      names.set(id, named);
    }
    for (const one of handles) {
      const straws = idsOf(await search(one, { query: "straw" })).toSorted();
      deepEqual(straws, [...names.keys()].toSorted());
      const needles = idsOf(await search(one, { query: "needle" })).toSorted();
      const expected = [...names].filter(([, name]) => name === "needle").map(([id]) => id);
      deepEqual(needles, expected.toSorted());
    }
  }
}
