/**
 * A store's report, as text and as data: everything that a reader or a program needs is in it, and JSON loses
 * nothing of it.
 */
import { describe, expect, it } from "vitest";

import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import {
  checkThreadStore,
  lawFailureText,
  type StoreFixture,
  storeLaws,
  storeReportJson,
  storeReportText,
} from "../../src/testing/index.ts";
import { fixtureWithBug } from "./planted-bug.ts";
import { plantedBugs } from "./planted-bugs.ts";

const bug = plantedBugs.find(({ caughtBy }) => caughtBy.includes("append.atomic"));
const laws = storeLaws.filter(({ id }) =>
  ["append.ordinals", "append.atomic", "append.idempotent-reopened"].includes(id),
);
const checked = checkThreadStore({
  name: "half",
  fixture: fixtureWithBug(bug),
  laws,
  seed: 3,
  capabilities: { reopen: false },
});

describe("a report", () => {
  it("as JSON is the same when it is read back, errors included", async () => {
    const json = storeReportJson(await checked);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json).toMatchObject({ name: "half", seed: 3, kept: 1, broken: 1, notChecked: 1, notReached: 0 });
    const broken = json.laws.find((law) => law.status === "broken");
    expect(broken).toMatchObject({
      id: "append.atomic",
      failure: { lawId: "append.atomic", repeats: true, error: { name: "AssertionError", code: "ERR_ASSERTION" } },
    });
    expect(json.laws.find((law) => law.status === "not-checked")).toMatchObject({ missing: ["reopen"] });
  });

  it("as text says what is kept, broken and not checked, and how to see it again", async () => {
    const text = storeReportText(await checked);
    expect(text).toMatch(/^KEPT\n {2}append {2}1 of 2 laws kept, \d+ examples\n\nBROKEN\nappend\.atomic: not so: /);
    expect(text).toContain(
      "NOT CHECKED\n  it has no threads that outlive the handle: 1 law\n    append.idempotent-reopened\n    checked with `capabilities: { reopen: true }`",
    );
    expect(text).toMatch(/half: 1 law kept, 1 broken, 1 not checked \(seed 3, \d+\.\d s\)\n\nAgain: checkThreadStore/);
    expect(storeReportText(await checked, { again: "npm test" })).toMatch(/\nAgain: npm test$/);
  });

  it("shows a long difference by its beginning", async () => {
    const [, broken] = (await checked).laws;
    if (broken?.status !== "broken") expect.fail("append.atomic is broken");
    const error = new Error(Array.from({ length: 2_000 }, (_, line) => `line ${line}`).join("\n"));
    expect(lawFailureText({ ...broken.failure, error })).toContain("line 39\n… and 1960 lines more\n\nFound at");
  });

  it.each<[string, unknown]>([
    ["a text", "boo"],
    ["nothing", undefined],
    ["an object without a prototype", Object.create(null)],
    ["a symbol", Symbol("x")],
    ["an error whose message can't be read", unreadable(new Error("gone"))],
    ["a proxy that is revoked", revoked()],
  ])("is made whatever a store rejects with: %s", async (_, rejected) => {
    const fixture: StoreFixture = async () => ({
      place: "memory",
      open: async () => {
        const store = createMemoryThreadStore();
        store.appendItems = () => Promise.reject(rejected);
        return store;
      },
      dispose: async () => {},
    });
    const ordinals = storeLaws.filter(({ id }) => id === "append.ordinals");
    const report = await checkThreadStore({ name: "odd", fixture, laws: ordinals, seed: 3, runs: 2 });
    expect(storeReportText(report)).toContain("BROKEN\nappend.ordinals: not so: ");
    const json = storeReportJson(report);
    expect(JSON.parse(JSON.stringify(json))).toEqual(json);
    expect(json.laws[0]).toMatchObject({ failure: { error: { message: expect.any(String) } } });
  });
});

function unreadable(error: Error): Error {
  return Object.defineProperty(error, "message", {
    get: () => {
      throw new Error("gotcha");
    },
  });
}

function revoked(): unknown {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}
