/**
 * docs/RELIABILITY.md shows the fault table as it is: each row once, in its order, none that isn't there any more. And
 * what it shows was a run in which nothing was lost.
 */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { expect, it } from "vitest";

import { FaultBooks } from "./fault-books.ts";
import { idsOnPage, withFaultTable } from "./fault-page.ts";
import { FAULT_ROWS } from "./fault-table.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/RELIABILITY.md", import.meta.url)), "utf8");

it("the page has exactly the rows of the table", () => {
  expect(idsOnPage(page)).toEqual(FAULT_ROWS.map(({ id }) => id));
});

it("no row of the page lost or harmed anything, or is broken", () => {
  expect(page).toMatch(/, 0 were lost, and 0 threads or files were harmed/);
  expect(page).not.toContain("**broken**");
});

it("ids are told once", () => {
  expect(new Set(FAULT_ROWS.map(({ id }) => id)).size).toBe(FAULT_ROWS.length);
});

it("a table that is made anew keeps what is written around it", () => {
  const results = FAULT_ROWS.map(({ id }) => new FaultBooks().result(id));
  const made = withFaultTable(page, FAULT_ROWS, { seeds: [1, 2], seconds: 2, date: new Date(0), results });
  expect(idsOnPage(made)).toEqual(FAULT_ROWS.map(({ id }) => id));
  const around = (text: string): readonly string[] => text.split(/<!-- \/?faults.*-->/).filter((_part, n) => n !== 1);
  expect(around(made)).toEqual(around(page));
});
