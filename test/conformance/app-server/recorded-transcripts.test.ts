/**
 * The app-server beside what the peer was recorded to say: every scripted scenario, message by message, in order.
 * They are the same but for the listed differences, and every listed difference is met. The peer isn't needed.
 */
import { readFile } from "node:fs/promises";

import { describe, expect, it } from "vitest";

import { APP_SERVER_DIFFERENCES } from "./app-server-differences.ts";
import { differenceRows } from "./differences-page.ts";
import { readRecorded, runScenario, SCENARIOS, SKEIN_SERVER } from "./scenario-lab.ts";
import { differenceText, reportScenarios, type ScenarioComparison } from "./scenario-report.ts";
import { compareTranscripts } from "./transcript-comparison.ts";

const SCENARIO_MS_MAX = 120_000;
const comparisons: ScenarioComparison[] = [];

describe("the app-server's transcripts", () => {
  it.concurrent.each(SCENARIOS)(
    "say of %s what the peer's say, but for what is listed",
    async (scenario) => {
      const listed = APP_SERVER_DIFFERENCES;
      const { transcript, stderr } = await runScenario(scenario, SKEIN_SERVER, listed);
      const theirs = await readRecorded(scenario);
      const comparison = { scenario, messages: compareTranscripts({ scenario, ours: transcript, theirs, listed }) };
      comparisons.push(comparison);
      const { unlisted, compared } = reportScenarios([comparison], listed);
      expect(unlisted.map(differenceText), stderr).toEqual([]);
      expect(compared).toBeGreaterThan(50);
    },
    SCENARIO_MS_MAX,
  );

  it("differ in everything that is listed", ({ skip }) => {
    if (comparisons.length < SCENARIOS.length) skip("not every scenario ran");
    expect(reportScenarios(comparisons, APP_SERVER_DIFFERENCES).stale).toEqual([]);
  });
});

describe("the page about Codex", () => {
  it("has every listed difference with its reason", async () => {
    const page = await readFile(new URL("../../../docs/CODEX.md", import.meta.url), "utf8");
    const section = page.split("\n## ").find((part) => part.startsWith("Over the wire\n")) ?? "";
    const rows = section.split("\n").filter((line) => /^\| [a-z]/.test(line));
    expect(rows).toEqual(differenceRows(APP_SERVER_DIFFERENCES));
  });
});
