/**
 * Sets of triples and the parts made of them: a text with a term is never left out, whatever its letters and their cases,
 * and what texts that are gone leave behind does not grow on.
 */
import fc from "fast-check";
import { expect, it, onTestFinished } from "vitest";

import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { SetStatements } from "../../src/projections/set-statements.ts";
import { TextNotes, textNotesTable } from "../../src/projections/text-notes.ts";
import { textPartsTables } from "../../src/projections/text-parts.ts";
import { chunkOf, countTexts, TripleSets } from "../../src/projections/text-triples.ts";
import { createSnippetFinder } from "../../src/store/snippet-finder.ts";

/** Notes and parts in memory, with the texts beside them. */
function openNotes(texts: number) {
  const db = openConnection(":memory:", { mode: "read-write" });
  onTestFinished(() => void db.close());
  db.exec(
    `CREATE TABLE texts_1 (id INTEGER PRIMARY KEY, text TEXT NOT NULL); ${textNotesTable(1)} ${textPartsTables(1)}`,
  );
  const sql = new SetStatements(db, 1);
  const notes = new TextNotes(sql, { texts, letters: 1_000_000 });
  const change = (work: Parameters<TextNotes["noting"]>[0]): void => db.transaction(() => notes.noting(work))()();
  return {
    notes,
    put: (id: number, text: string) =>
      change((index) => {
        if (sql.run("DELETE FROM texts_# WHERE id = ?", id) > 0) index.remove(id);
        sql.run("INSERT INTO texts_# VALUES (?, ?)", id, text);
        index.add(id, text);
      }),
    drop: (ids: readonly number[]) =>
      change((index) => {
        for (const id of ids) if (sql.run("DELETE FROM texts_# WHERE id = ?", id) > 0) index.remove(id);
      }),
    index: () => db.transaction(() => notes.index())()(),
    /** Ids whose texts hold a term, by way of the index. */
    found: (term: string) => {
      const finder = createSnippetFinder(term);
      const holds = (text: string | undefined): boolean => finder([text ?? null]) !== null;
      const ids = notes.lookUp(term, holds).rare(Number.MAX_SAFE_INTEGER);
      return ids?.filter((id) => holds(sql.get<{ text: string }>("SELECT text FROM texts_# WHERE id = ?", id)?.text));
    },
    countRows: (table: string) => Number(db.prepare(`SELECT count(*) FROM ${table}_1`).pluck().get()),
  };
}

it("takes letters for one that are one to the finder of snippets, in all of Unicode", () => {
  const cased: string[] = [];
  for (let code = 0; code <= 0x10ffff; code += 1) {
    const letter = String.fromCodePoint(code);
    if (/[\p{Changes_When_Casefolded}\p{Changes_When_Casemapped}]/u.test(letter)) cased.push(letter);
  }
  expect(cased.length).toBeGreaterThan(2_500);
  const sets = new TripleSets();
  const buckets = cased.map((letter) => String(sets.bucketsOf(`-${letter}-`)));
  const classes = [...new Set(buckets)];
  // Letters of two classes differ in some bit of their numbers: no letter with it matches one without.
  for (let bit = 1; bit < classes.length; bit *= 2) {
    const chosen = cased.filter((_, index) => (classes.indexOf(buckets[index] ?? "") & bit) > 0);
    const pattern = new RegExp(`[${chosen.join("")}]`, "iu");
    expect(cased.filter((letter) => pattern.test(letter))).toEqual(chosen);
  }
});

it("law: a text that holds a term is in all of the term's buckets", () => {
  const unit = fc.constantFrom(...Array.from("aAbBcß ſKkİıΣςσ𐐀𐐨😀é漢"), "\0");
  const word = fc.string({ unit, minLength: 0, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(word, { minLength: 1, maxLength: 300 }), word, word, (texts, term, before) => {
      const sets = new TripleSets();
      const buckets = sets.bucketsOf(term.toUpperCase()) ?? [];
      const holders = [...texts, `${before}${term.toUpperCase()}${before}`];
      for (const text of holders) sets.add(text);
      const chunks = Array.from(sets.take(), (chunk) => chunk.slice());
      const counts = new Uint8Array(holders.length);
      for (const bucket of buckets) countTexts(chunks[chunkOf(bucket)] ?? new Uint8Array(), bucket, counts);
      expect(counts.at(-1)).toBe(buckets.length);
    }),
    { numRuns: 40 },
  );
});

it("law: what is found is what the texts hold, whichever of them are noted, in parts, changed or gone", () => {
  const word = fc.constantFrom("numbat", "NUMBAT", "a wombat", "quokka", "no", "of numbats and quokkas", "");
  const id = fc.nat(9);
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.record({ put: id, text: word }) },
    { weight: 2, arbitrary: fc.record({ drop: id }) },
    { weight: 2, arbitrary: fc.constant("index" as const) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25 }), (steps) => {
      const world = openNotes(3);
      const texts = new Map<number, string>();
      for (const one of steps) {
        if (one === "index") world.index();
        else if ("put" in one) {
          world.put(one.put, one.text);
          texts.set(one.put, one.text);
        } else {
          world.drop([one.drop]);
          texts.delete(one.drop);
        }
        expect(world.notes.waiting.texts).toBe(world.countRows("unindexed"));
        expect(world.countRows("text_places")).toBe(texts.size - world.notes.waiting.texts);
      }
      for (const term of ["numbat", "wombat", "of numbats", "quokkas"]) {
        const holders = [...texts].filter(([, text]) => text.toLowerCase().includes(term)).map(([n]) => n);
        expect(world.found(term)).toEqual(holders.toSorted((a, b) => a - b));
      }
    }),
    { numRuns: 25 },
  );
});

it("gives up parts whose texts are gone or others, so that the index stays as large as the texts", () => {
  const world = openNotes(10);
  let most = 0;
  for (let round = 0; round < 40; round += 1) {
    for (let id = 0; id < 20; id += 1) world.put(id, `round ${round} of ${id}`);
    while (world.notes.partsWaiting > 0) world.index();
    most = Math.max(most, world.countRows("text_parts"));
  }
  expect(most).toBeLessThan(8);
  expect(world.found("round 39 of 7")).toEqual([7]);
  expect(world.found("round 38 of 7")).toEqual([]);

  world.drop(Array.from({ length: 20 }, (_, id) => id));
  for (let id = 100; id < 200; id += 1) world.put(id, `later ${id}`);
  while (world.notes.partsWaiting > 0) world.index();
  expect(world.countRows("text_parts")).toBeLessThan(13);
  expect(world.countRows("text_triples")).toBe(world.countRows("text_parts") * 1_025);
});

it("keeps numbers past a part's first bytes, and says of a short term that it can't tell", () => {
  const world = openNotes(3_000);
  for (let id = 0; id < 3_000; id += 1) world.put(id * 7, id % 1_000 === 999 ? `a numbat ${id}` : `text ${id}`);
  world.index();
  expect(world.notes.waiting).toEqual({ texts: 0, letters: 0 });
  expect(world.found("numbat")).toEqual([999, 1_999, 2_999].map((id) => id * 7));
  expect(world.found("a numbat 1999")).toEqual([1_999 * 7]);
  expect(world.notes.lookUp("nu", () => true).rare(10)).toBeNull();
  expect(world.notes.lookUp("nu", () => true).among({ from: 0, to: 20 })).toEqual([0, 7, 14]);
  expect(world.notes.lookUp("text", () => true).rare(10)).toBeNull();
});
