/**
 * The check of a store, itself: what it counts, that the same seed gives the same report, that a failure is small and
 * is found again by its seed and path, and that whatever a store does, the check ends and leaves no place behind.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import type { ThreadStore } from "../../src/store/index.ts";
import { createMemoryThreadStore } from "../../src/store/memory/index.ts";
import {
  checkLaw,
  checkThreadStore,
  type CheckThreadStoreOptions,
  type LawFailure,
  type StoreFixture,
  type StoreLaw,
  storeLaw,
  storeLaws,
} from "../../src/testing/index.ts";
import { fixtureWithBug } from "./planted-bug.ts";
import { plantedBugs } from "./planted-bugs.ts";

const SEED = 11;

function lawsOf(...ids: readonly string[]): readonly StoreLaw[] {
  return ids.map((id) => storeLaws.find((law) => law.id === id) ?? expect.fail(`no law ${id}`));
}

function buggy(name: string): StoreFixture {
  return fixtureWithBug(plantedBugs.find((bug) => bug.name === name) ?? expect.fail(`no bug: ${name}`));
}

const BUG = "a batch that is refused is written up to its bad item";
const BROKEN_AND_KEPT = lawsOf("append.ordinals", "bad-input.items", "append.idempotent-reopened", "append.atomic");

function check(options: Partial<CheckThreadStoreOptions>): ReturnType<typeof checkThreadStore> {
  return checkThreadStore({ name: "memory", fixture: fixtureWithBug(), seed: SEED, ...options });
}

async function failureOf(id: string, bug: string): Promise<LawFailure> {
  const [law] = lawsOf(id);
  const verdict = law && (await checkLaw(law, buggy(bug), { seed: SEED }));
  if (verdict?.status !== "broken") expect.fail(`${id} isn't broken`);
  return verdict.failure;
}

/** A fixture that counts what it made and what was given back; its places hold memory stores. */
function counted(change: (store: ThreadStore, made: number) => ThreadStore = (store) => store): {
  readonly fixture: StoreFixture;
  readonly counts: { made: number; disposed: number; opened: number; closed: number };
} {
  const counts = { made: 0, disposed: 0, opened: 0, closed: 0 };
  const fixture: StoreFixture = async () => {
    counts.made += 1;
    const { made } = counts;
    return {
      place: "counted",
      open: async (options) => {
        counts.opened += 1;
        const store = createMemoryThreadStore(options);
        const close = store.close.bind(store);
        store.close = async () => {
          counts.closed += 1;
          await close();
        };
        return change(store, made);
      },
      dispose: async () => {
        counts.disposed += 1;
      },
    };
  };
  return { fixture, counts };
}

describe("a check of a store", () => {
  it("counts what is kept, broken and not checked, in the order of the laws", async () => {
    const report = await check({ fixture: buggy(BUG), laws: BROKEN_AND_KEPT, capabilities: { reopen: false } });
    expect(report).toMatchObject({ name: "memory", seed: SEED, kept: 1, broken: 2, notChecked: 1, notReached: 0 });
    expect(report.laws.map(({ id, status }) => [id, status])).toEqual([
      ["append.ordinals", "kept"],
      ["bad-input.items", "broken"],
      ["append.idempotent-reopened", "not-checked"],
      ["append.atomic", "broken"],
    ]);
    expect(report.laws[2]).toMatchObject({ missing: ["reopen"], beyond: [] });
    expect(report.laws[0]).toMatchObject({ runs: BROKEN_AND_KEPT[0]?.runs });
  });

  it("ends behind the first broken law where it is asked to, and says how many were not reached", async () => {
    const report = await check({ fixture: buggy(BUG), laws: BROKEN_AND_KEPT, failFast: true });
    expect(report).toMatchObject({ kept: 1, broken: 1, notReached: 2 });
  });

  it("tells of each law before and behind it", async () => {
    const told: string[] = [];
    await check({
      laws: lawsOf("append.ordinals", "append.bounds"),
      runs: 1,
      onLaw: (law, index, count) => told.push(`${law.id} ${index} of ${count}`),
      onVerdict: ({ id, status }) => told.push(`${id} ${status}`),
    });
    expect(told).toEqual([
      "append.ordinals 0 of 2",
      "append.ordinals kept",
      "append.bounds 1 of 2",
      "append.bounds kept",
    ]);
  });

  it("gives the same report for the same seed, but for times and what the store itself draws", async () => {
    const told = async (): Promise<unknown> => {
      const { laws, ...report } = await check({ fixture: buggy(BUG), laws: BROKEN_AND_KEPT });
      return {
        ...report,
        durationMs: 0,
        laws: laws.map((law) => {
          if (law.status === "not-checked") return law;
          if (law.status === "kept") return { ...law, durationMs: 0 };
          return { ...law, durationMs: 0, failure: { ...law.failure, error: null, script: "" } };
        }),
      };
    };
    const first = await told();
    expect(await told()).toEqual(first);
  });

  it("is refused without laws, and with a path for more than one", async () => {
    await expect(check({ laws: [] })).rejects.toMatchObject({ code: "invalid_argument" });
    await expect(check({ path: "0" })).rejects.toMatchObject({ code: "invalid_argument" });
  });

  it.each<[string, object]>([
    ["no examples", { runs: 0 }],
    ["fewer than none", { runs: -1 }],
    ["half an example", { runs: 1.5 }],
    ["a number that is none", { runs: Number.NaN }],
    ["examples without end", { runs: Infinity }],
    ["a seed that another one stands for", { seed: 2 ** 40 + 7 }],
    ["a seed that is no number", { seed: Number.NaN }],
    ["examples without time", { exampleMaxMs: 0 }],
    ["a time that is no number", { exampleMaxMs: Number.NaN }],
    ["a path that no failure has", { path: "zz" }],
    ["an empty path", { path: "" }],
    ["a path of commands that no failure has", { path: "0", replayPath: "zz" }],
    ["a path that leads to no example", { path: "0:99999" }],
    ["a claim that nobody knows", { capabilities: { serach: false } }],
    ["a claim of another kind", { capabilities: { search: "yes" } }],
    ["a word that is none of a claim's", { capabilities: { fork: true } }],
  ])("is refused with %s", async (_, options) => {
    await expect(check({ laws: lawsOf("append.ordinals"), ...options })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("takes a claim that is undefined as one that isn't passed", async () => {
    const passed: object = { capabilities: { search: undefined } };
    const report = await check({ laws: lawsOf("append.ordinals"), runs: 1, ...passed });
    expect(report.claims.search).toBe(true);
  });

  it("ends between two laws when its signal aborts, with the signal's reason", async () => {
    const controller = new AbortController();
    const { fixture, counts } = counted();
    const reason = new Error("enough");
    const tried: string[] = [];
    const checking = check({
      fixture,
      laws: lawsOf("append.ordinals", "append.atomic"),
      runs: 2,
      signal: controller.signal,
      onVerdict: ({ id }) => {
        tried.push(id);
        controller.abort(reason);
      },
    });
    await expect(checking).rejects.toBe(reason);
    expect(tried).toEqual(["append.ordinals"]);
    expect(counts.disposed).toBe(counts.made);
  });
});

describe("a broken law", () => {
  it("is shown with a small example", async () => {
    const limits = await failureOf("bad-input.shapes", "a page of none is a page of one");
    expect(limits.example).toBe('{"listThreads.limit":0}');
    const atomic = await failureOf("append.atomic", BUG);
    expect(JSON.parse(atomic.example)).toMatchObject({ before: [{}], behind: [{}] });
    const ties = await failureOf("list.complete", "a list cursor skips threads of the same time");
    expect(JSON.parse(ties.example)).toMatchObject({ population: { made: [0, 0], touched: [] } });
    const offset = await failureOf("list.under-writes", "a list cursor is an offset");
    expect(JSON.parse(offset.example)).toMatchObject({ population: { made: [0, 0], touched: [] }, between: [[{}]] });
    const early = await failureOf("turns.fold", "a page of turns ends one turn early");
    expect((JSON.parse(early.example) as { readonly batches: unknown[][] }).batches.flat().length).toBeLessThan(5);
  });

  it("is broken again by its seed and path, with the same example at once", async () => {
    const failure = await failureOf("bad-input.items", BUG);
    const [law] = lawsOf("bad-input.items");
    const { seed, path } = failure;
    const again = law && (await checkLaw(law, buggy(BUG), { seed, path }));
    expect(again).toMatchObject({ status: "broken", failure: { seed, path, runs: 1, shrinks: 0 } });
    expect(again).toMatchObject({ failure: { example: failure.example } });
    const mended = law && (await checkLaw(law, fixtureWithBug(), { seed, path }));
    expect(mended).toMatchObject({ status: "kept", runs: 1 });
  });
});

describe("whatever a store does,", () => {
  it("every place is given back, with its handles closed", async () => {
    const { fixture, counts } = counted();
    const report = await check({
      fixture,
      laws: lawsOf("append.ordinals", "list.complete", "bad-input.shapes"),
      runs: 3,
    });
    expect(report.broken).toBe(0);
    // One place more, to ask what its store can do.
    expect(counts).toMatchObject({ made: 10, disposed: 10 });
    expect(counts.closed).toBe(counts.opened);
  });

  it("a store that breaks laws has its places given back as well", async () => {
    const { fixture, counts } = counted((store) => {
      store.loadHistory = async () => ({ records: [], nextOrdinal: 0, isEnd: true });
      return store;
    });
    const report = await check({ fixture, laws: lawsOf("append.ordinals", "append.reads-back") });
    expect(report.broken).toBe(2);
    expect(counts.disposed).toBe(counts.made);
    expect(counts.closed).toBe(counts.opened);
  });

  it("a fixture that makes no place ends the check with its own error", async () => {
    const broken = new Error("no room");
    const fixture: StoreFixture = async () => {
      throw broken;
    };
    await expect(check({ fixture })).rejects.toBe(broken);
  });

  it("a place that can't be opened is given back, and ends the check with its own error", async () => {
    const broken = new Error("locked");
    let disposed = 0;
    const fixture: StoreFixture = async () => ({
      place: "locked",
      open: () => Promise.reject(broken),
      dispose: async () => {
        disposed += 1;
      },
    });
    await expect(check({ fixture })).rejects.toBe(broken);
    expect(disposed).toBe(1);
  });

  it("a place that can't be opened later breaks the law it was opened for, and the other laws go on", async () => {
    const { fixture: sound } = counted();
    let made = 0;
    const fixture: StoreFixture = async () => {
      const place = await sound();
      made += 1;
      return made === 2 ? { ...place, open: () => Promise.reject(new Error("locked")) } : place;
    };
    const report = await check({ fixture, laws: lawsOf("append.ordinals", "append.atomic"), runs: 1 });
    expect(report.laws.map(({ status }) => status)).toEqual(["broken", "kept"]);
    expect(report.laws[0]).toMatchObject({ failure: { repeats: false } });
  });

  it("a fixture that fails in the middle ends the check with its own error: no law is broken by it", async () => {
    const { fixture: sound, counts } = counted();
    const full = new Error("no room");
    const fixture: StoreFixture = async () => {
      if (counts.made === 3) throw full;
      return await sound();
    };
    await expect(check({ fixture, laws: lawsOf("append.ordinals") })).rejects.toBe(full);
    expect(counts.disposed).toBe(3);
  });

  it("a fixture that fails while an example is made small leaves the law broken by what was found", async () => {
    const { fixture: sound, counts } = counted((store, made) => {
      if (made > 1) store.appendItems = () => Promise.reject(new Error("broken append"));
      return store;
    });
    const fixture: StoreFixture = async () => {
      if (counts.made === 2) throw new Error("no room");
      return await sound();
    };
    const { laws } = await check({ fixture, laws: lawsOf("append.ordinals") });
    expect(laws[0]).toMatchObject({ status: "broken", failure: { shrinks: 0, repeats: false } });
    expect(laws[0]).toMatchObject({ failure: { error: { message: "broken append" } } });
  });

  it("a call that never settles is told as it was found: making it small would wait for it at each step", async () => {
    const { fixture, counts } = counted((store, made) => {
      if (made > 1) store.appendItems = () => new Promise(() => {});
      return store;
    });
    const { laws } = await check({ fixture, laws: lawsOf("append.ordinals"), exampleMaxMs: 20 });
    expect(laws[0]).toMatchObject({ status: "broken", failure: { shrinks: 0, repeats: true } });
    // One to ask what it can do, the example, and the example again to write its calls down.
    expect(counts).toMatchObject({ made: 3, disposed: 3 });
  });

  it.each<[string, () => StoreFixture]>([
    ["a fixture", () => () => new Promise(() => {})],
    ["an open", () => async () => ({ place: "stuck", open: () => new Promise(() => {}), dispose: async () => {} })],
    ["a close", () => counted((store) => Object.assign(store, { close: () => new Promise(() => {}) })).fixture],
    ["a dispose", () => async () => ({ ...(await counted().fixture()), dispose: () => new Promise(() => {}) })],
  ])("%s that never settles ends the check when it asks what the store can do", async (_, fixture) => {
    const checking = check({ fixture: fixture(), exampleMaxMs: 20 });
    await expect(checking).rejects.toMatchObject({ message: expect.stringContaining("didn't settle within 20 ms") });
  });

  it("a store whose cursors stand still breaks the law that walks it, though it answers at once", async () => {
    const standing = counted(
      (store) =>
        new Proxy(store, {
          get(target, name) {
            if (name === "listThreads") {
              const listThreads: ThreadStore["listThreads"] = async (params) => {
                const page = await target.listThreads({ ...params, limit: 1 });
                return { ...page, nextCursor: params?.cursor ?? page.nextCursor };
              };
              return listThreads;
            }
            const member: unknown = Reflect.get(target, name, target);
            return typeof member === "function" ? (member.bind(target) as unknown) : member;
          },
        }),
    );
    const { laws } = await check({ fixture: standing.fixture, laws: lawsOf("list.complete"), shrinks: false });
    expect(laws[0]).toMatchObject({
      status: "broken",
      failure: { error: { code: "aborted", data: { method: "listThreads" } } },
    });
  });

  it("a dispose that never settles breaks the law", async () => {
    const { fixture: sound, counts } = counted();
    const fixture: StoreFixture = async () => {
      const place = await sound();
      return counts.made === 1 ? place : { ...place, dispose: () => new Promise(() => {}) };
    };
    const { laws } = await check({ fixture, laws: lawsOf("append.ordinals"), exampleMaxMs: 500 });
    expect(laws[0]).toMatchObject({
      status: "broken",
      failure: { shrinks: 0, error: { message: "disposing of a place didn't settle within 500 ms" } },
    });
  });

  it("a place that comes too late is disposed of when it comes", async () => {
    const { fixture: sound, counts } = counted();
    let come = (): void => {};
    const fixture: StoreFixture = async () => {
      await new Promise<void>((resolve) => {
        come = resolve;
      });
      return await sound();
    };
    await expect(check({ fixture, exampleMaxMs: 20 })).rejects.toThrow("making a place didn't settle");
    expect(counts.made).toBe(0);
    come();
    await expect.poll(() => counts, { timeout: 10_000 }).toMatchObject({ made: 1, disposed: 1 });
  });

  it("a dispose that fails behind a broken law doesn't hide what broke it", async () => {
    const { fixture: sound, counts } = counted((store, made) => {
      if (made > 1) store.appendItems = () => Promise.reject(new Error("broken append"));
      return store;
    });
    const fixture: StoreFixture = async () => {
      const place = await sound();
      return counts.made === 1 ? place : { ...place, dispose: () => Promise.reject(new Error("can't dispose")) };
    };
    const { laws } = await check({ fixture, laws: lawsOf("append.ordinals"), runs: 1 });
    expect(laws[0]).toMatchObject({ failure: { error: { message: "broken append" } } });
  });

  it("a law that goes on when its example is over opens nothing any more, and what comes late is closed", async () => {
    const { fixture: sound, counts } = counted();
    let come = (): void => {};
    const coming = new Promise<void>((resolve) => {
      come = resolve;
    });
    const fixture: StoreFixture = async () => {
      const place = await sound();
      if (counts.made === 1) return place;
      const open: typeof place.open = async (options) => {
        await coming;
        return await place.open(options);
      };
      return { ...place, open };
    };
    const refused: unknown[] = [];
    const late = storeLaw({
      id: "own.late",
      title: "a store opens",
      generator: fc.constant(null),
      holds: async (place) => {
        await place.open().catch((error: unknown) => refused.push(error));
        await place.open().catch((error: unknown) => refused.push(error));
      },
    });
    const { laws } = await check({ fixture, laws: [late], exampleMaxMs: 20 });
    expect(laws[0]).toMatchObject({ status: "broken" });
    come();
    const over = { code: "aborted" };
    // Of the example and of its recording, each twice.
    await expect.poll(() => refused, { timeout: 10_000 }).toMatchObject([over, over, over, over]);
    expect(counts.opened).toBe(3);
    expect(counts.closed).toBe(3);
  });

  it("a call that never settles breaks the law, also where closing never settles either", async () => {
    const { fixture, counts } = counted((store, made) => {
      // The first place is asked what its store can do.
      if (made === 1) return store;
      store.appendItems = () => new Promise(() => {});
      store.close = () => new Promise(() => {});
      return store;
    });
    const options = { runs: 1, exampleMaxMs: 20, shrinks: false };
    const report = await check({ fixture, laws: lawsOf("append.ordinals"), ...options });
    expect(report.laws[0]).toMatchObject({ status: "broken", failure: { repeats: true } });
    expect(report.laws[0]).toMatchObject({ failure: { error: { message: "a call didn't settle within 20 ms" } } });
    expect(counts.disposed).toBe(counts.made);
  });

  it("a store that can't be closed breaks the law it was tried by", async () => {
    const { fixture, counts } = counted((store, made) => {
      if (made > 1) store.close = () => Promise.reject(new Error("busy"));
      return store;
    });
    const report = await check({ fixture, laws: lawsOf("append.ordinals"), runs: 1 });
    expect(report.laws[0]).toMatchObject({ status: "broken", failure: { error: { message: "busy" } } });
    expect(counts.disposed).toBe(counts.made);
  });

  it("a law of one's own is tried like the others", async () => {
    const own = storeLaw({
      id: "own.kind",
      title: "a store says its kind",
      generator: fc.constant(null),
      holds: async (place) => {
        const store = await place.open();
        expect(store.kind).toBe("memory");
      },
    });
    expect(await check({ laws: [own] })).toMatchObject({ kept: 1, broken: 0, notChecked: 0 });
  });
});
