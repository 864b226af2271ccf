/**
 * The whole run: a home of Skein and a home of Codex, each going back and forth between the two; the
 * `skein` command on a home of Codex; logs torn by a kill; the app-server beside the peer's transcripts; clients that
 * others wrote driving ours, and ours driving Codex. What goes wrong in one part is reported and the others still run.
 */
import { checkAppServer } from "./app-server/app-server-checks.ts";
import { CheckReport } from "./check-report.ts";
import { checkBothWays } from "./both-ways.ts";
import { checkClients } from "./clients/client-checks.ts";
import { CodexPeer, writeCodexConfig } from "./codex-peer.ts";
import { writeCodexHome } from "./codex-written-home.ts";
import { checkCommand } from "./command-check.ts";
import { checkClient } from "./client-check.ts";
import { type ConformanceLab, openConformanceLab } from "./conformance-lab.ts";
import { recordFixture } from "./fixture-recorder.ts";
import type { SharedHome } from "./home-comparison.ts";
import { writeSkeinHome } from "./skein-written-home.ts";
import { checkTornTails } from "./torn-tail-check.ts";

export interface ConformanceOptions {
  /** Codex's native program. */
  readonly program: string;
  /** Told what begins. */
  readonly note: (line: string) => void;
  /** Where to keep the home that Codex wrote, as a fixture; absent: nowhere. */
  readonly fixtureFolder?: string;
  /** The one part that runs; absent: all of them. */
  readonly only?: string;
}

/** Runs everything and gives the report. Leaves no process and no file behind. */
export async function runConformance(options: ConformanceOptions): Promise<CheckReport> {
  const report = new CheckReport();
  const lab = await openConformanceLab({ ...options, report });
  const parts: Readonly<Record<string, () => Promise<void>>> = {
    "Skein's home": () => checkSkeinHome(lab),
    "Codex's home": () => checkCodexHome(lab, options.fixtureFolder),
    "torn tails": () => checkTornTails(lab),
    "app-server": () => checkAppServer(lab),
    clients: () => checkClients(lab),
    "skein/client with Codex": () => checkClient(lab),
  };
  try {
    const { only } = options;
    if (only !== undefined && parts[only] === undefined) throw new Error(`no part is called ${only}`);
    for (const [part, run] of Object.entries(parts)) {
      if (only !== undefined && part !== only) continue;
      lab.note(part);
      await report.attempt({ part, thread: "(all)", claim: "it runs to its end" }, run);
    }
  } finally {
    await lab.close();
  }
  return report;
}

async function checkSkeinHome(lab: ConformanceLab): Promise<void> {
  const path = lab.homePath("written-by-skein");
  await writeCodexConfig(path, lab.model.baseUrl);
  const threads = new Map(await lab.withSkein(path, (skein) => writeSkeinHome(skein)));
  await checkDefaultList(lab, { path, threads });
  await checkBothWays(lab, { path, threads }, "Skein");
}

/** A Codex that asks for nothing in particular shows the threads of Skein. */
async function checkDefaultList(lab: ConformanceLab, home: SharedHome): Promise<void> {
  const shown = await lab.withCodex(home.path, (codex) => codex.listByDefault());
  const ids = new Set(shown.map(({ id }) => id));
  for (const [name, id] of home.threads) {
    const isHidden = name === "archived" || name === "namedBeforeItsFirstTurn";
    const claim = isHidden ? "Codex's default list leaves it out" : "Codex's default list shows it";
    lab.report.holds({ part: "Skein's home 1 as written", thread: name, claim }, ids.has(id) !== isHidden, id);
  }
}

async function checkCodexHome(lab: ConformanceLab, fixtureFolder: string | undefined): Promise<void> {
  const path = lab.homePath("written-by-codex");
  const { program, model, cwd } = lab;
  const peer = await CodexPeer.open({ program, home: path, cwd, baseUrl: model.baseUrl });
  let threads: Map<string, string>;
  try {
    threads = new Map(await writeCodexHome(peer, cwd));
  } finally {
    await peer.close();
  }
  if (fixtureFolder !== undefined) await recordFixture(lab, { path, threads }, fixtureFolder);
  await checkCommand(lab, { path, threads });
  await checkBothWays(lab, { path, threads }, "Codex");
}
