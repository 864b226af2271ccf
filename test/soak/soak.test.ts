/**
 * A soak in small: a hundred threads, counted in deeds and not in minutes. Counts and what was acknowledged are
 * judged; memory needs longer, and is judged by `npm run soak`. And that a soak sees what it looks for: leaks that are
 * planted are each named.
 */
import { openSync } from "node:fs";

import { expect, inject, it } from "vitest";

import { isKept, sampleLine, soakTable } from "./soak-report.ts";
import { runSoak } from "./soak-run.ts";

const seed = inject("fastCheckSeed");

it("leaves nothing open and loses nothing under mixed work", { timeout: 300_000 }, async () => {
  const report = await runSoak({ threads: 100, deeds: 800, seed, sampleMs: 1_000 });
  expect(isKept(report), soakTable(report)).toBe(true);
  const { work, checked, looks } = report;
  for (const name of ["start", "turn", "steer", "interrupt", "fork", "rollback", "archive", "read", "list", "follow"]) {
    expect(work[name] ?? 0, name).toBeGreaterThan(0);
  }
  expect(checked.rowsSame).toBe(checked.threads);
  expect(report.reader.lists).toBeGreaterThan(0);
  for (const sample of looks.samples) expect(sampleLine(sample)).toContain("descriptors");
});

it("names each leak that was planted", { timeout: 300_000 }, async () => {
  const report = await runSoak({
    threads: 20,
    deeds: 40,
    seed,
    settleMaxMs: 1_000,
    onOpened: async ({ runtime, clock, ending, home }) => {
      const kept = await runtime.startThread();
      await kept.run("say that it stays");
      runtime.store.subscribe(() => {});
      clock.setTimer(3_600_000, () => {});
      ending.signal.addEventListener("abort", () => {});
      process.on("SIGUSR2", () => {});
      for (let n = 0; n < 20; n += 1) openSync(`${home}/skein.sqlite`, "r");
      // Never read and never closed: its thread stays loaded.
      (await runtime.threadEvents(kept.id, { from: "end" }))[Symbol.asyncIterator]();
    },
  });
  process.removeAllListeners("SIGUSR2");
  const broken = new Set(report.verdicts.filter((verdict) => !verdict.isKept).map(({ what }) => what));
  // What else is named is a leak's company: a thread that stays loaded keeps its handle.
  const planted = [
    "listeners of a shared signal, quiet",
    "listeners of the process, closed",
    "listeners of the store, closed",
    "listeners of the store, quiet",
    "loaded threads, quiet",
    "open descriptors, closed",
    "open descriptors, quiet",
    "timers, closed",
    "timers, quiet",
  ];
  expect(planted.filter((what) => !broken.has(what))).toEqual([]);
  expect(report.checked.problems.join()).toContain("was never asked for");
  expect(isKept(report)).toBe(false);
  // On a busy machine a timer of its own may still be there behind so short a wait.
  expect(soakTable(report)).toMatch(/BROKEN {2}timers, closed: [1-9]\d* \(at most 0\)/);
});
