/**
 * The app-server part of the conformance run. The peer itself is run through every script first: a runner that it
 * doesn't pass proves nothing. Then ours, beside what the peer was recorded to say, and every one of our messages
 * against the peer's own schema.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { CheckReport } from "../check-report.ts";
import { APP_SERVER_DIFFERENCES } from "./app-server-differences.ts";
import { generatePeerSchema, type PeerSchema } from "./peer-schema.ts";
import { createPeerServer, PEER_VARIATIONS } from "./peer-server.ts";
import { readRecorded, runScenario, type ScenarioServer, SCENARIOS, SKEIN_SERVER } from "./scenario-lab.ts";
import { differenceText, reportScenarios, type ScenarioComparison, summaryLine } from "./scenario-report.ts";
import type { Exchanged } from "./script-runner.ts";
import { compareTranscripts, type ListedDifference } from "./transcript-comparison.ts";

/** What the checks need. */
export interface AppServerCheckOptions {
  /** The peer's native program. */
  readonly program: string;
  readonly report: CheckReport;
  /** Told what begins, and the numbers. */
  readonly note: (line: string) => void;
}

const PEER_PART = "the peer, replayed";
const OUR_PART = "app-server";

/** Runs every scenario against both servers. */
export async function checkAppServer(options: AppServerCheckOptions): Promise<void> {
  const { program, report, note } = options;
  const peer: ScenarioComparison[] = [];
  const ours: ScenarioComparison[] = [];
  const folder = await mkdtemp(join(tmpdir(), "skein-peer-schema-"));
  try {
    const schema = await generatePeerSchema(program, folder);
    for (const scenario of SCENARIOS) {
      note(`scenario ${scenario}`);
      const replay = { scenario, server: createPeerServer(program, scenario), listed: PEER_VARIATIONS };
      await attempt(PEER_PART, scenario, report, async () => {
        peer.push((await compare({ ...replay, part: PEER_PART, report })).comparison);
      });
      await attempt(OUR_PART, scenario, report, async () => {
        const own = { scenario, server: SKEIN_SERVER, listed: APP_SERVER_DIFFERENCES, part: OUR_PART, report };
        const { comparison, exchanged } = await compare(own);
        ours.push(comparison);
        checkSchema({ scenario, exchanged, schema, report });
      });
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  note(`${PEER_PART}: ${summaryLine({ ...reportScenarios(peer, PEER_VARIATIONS), stale: [] })}`);
  const whole = reportScenarios(ours, APP_SERVER_DIFFERENCES);
  note(`${OUR_PART}: ${summaryLine(whole)}`);
  for (const { id, reason } of APP_SERVER_DIFFERENCES) note(`  ${id} (${whole.met.get(id) ?? 0} times): ${reason}`);
  const subject = { part: OUR_PART, thread: "(all)", claim: "every listed difference is met" };
  report.holds(subject, whole.stale.length === 0, whole.stale.join(", "));
}

async function attempt(part: string, thread: string, report: CheckReport, run: () => Promise<void>): Promise<void> {
  await report.attempt({ part, thread, claim: "it runs to its end" }, run);
}

interface Comparing {
  readonly scenario: string;
  readonly server: ScenarioServer;
  readonly listed: readonly ListedDifference[];
  readonly part: string;
  readonly report: CheckReport;
}

async function compare({ scenario, server, listed, part, report }: Comparing): Promise<{
  readonly comparison: ScenarioComparison;
  readonly exchanged: readonly Exchanged[];
}> {
  const { transcript, exchanged } = await runScenario(scenario, server, listed);
  const theirs = await readRecorded(scenario);
  const comparison = { scenario, messages: compareTranscripts({ scenario, ours: transcript, theirs, listed }) };
  const { unlisted } = reportScenarios([comparison], listed);
  const claim = "it says what was recorded, but for what is listed";
  report.holds({ part, thread: scenario, claim }, unlisted.length === 0, unlisted.map(differenceText).join("\n"));
  return { comparison, exchanged };
}

interface SchemaCheck {
  readonly scenario: string;
  readonly exchanged: readonly Exchanged[];
  readonly schema: PeerSchema;
  readonly report: CheckReport;
}

function checkSchema({ scenario, exchanged, schema, report }: SchemaCheck): void {
  const problems = exchanged.flatMap((each) => schema.problemOf(each) ?? []).filter((problem) => problem !== "");
  const claim = "its messages fit the peer's own schema";
  const shown = [...new Set(problems)].join("\n");
  report.holds({ part: OUR_PART, thread: scenario, claim }, problems.length === 0, shown);
}
