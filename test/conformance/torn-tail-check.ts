/**
 * A log torn by a kill: Skein's own processes are killed while they append, and the file's end is torn
 * further, in the middle of a line and in the middle of a batch. Codex reads the torn file; Skein
 * repairs it and goes on; both read the result alike, and nothing is glued to half a line.
 */
import { readFile, truncate } from "node:fs/promises";

import type { Thread } from "../../src/index.ts";
import type { ConformanceLab } from "./conformance-lab.ts";
import type { SharedHome } from "./home-comparison.ts";
import { skeinProblems } from "./skein-command.ts";
import { killWhileAppending } from "./killed-writer.ts";

const PART = "torn tails";

/** Where a file is cut, as bytes from its start; the last line begins at `lastLine`. */
const CUTS: Readonly<Record<string, (bytes: Buffer) => number>> = {
  asTheKillLeftIt: (bytes) => bytes.length,
  inTheLastLine: (bytes) => bytes.length - 20,
  beforeTheLastNewline: (bytes) => bytes.length - 1,
  inTheMiddleOfABatch: (bytes) => endOfAnUnfinishedBatch(bytes),
};

/** Tears a thread of its own for each place. */
export async function checkTornTails(lab: ConformanceLab): Promise<void> {
  const home: SharedHome = { path: lab.homePath("torn"), threads: new Map() };
  for (const [name, cutAt] of Object.entries(CUTS)) {
    const subject = { part: PART, thread: name, claim: "it is repaired and gone on with" };
    await lab.report.attempt(subject, () => tearAndRepair({ lab, home, name, cutAt }));
  }
  const subject = { part: PART, thread: "(all)", claim: "skein verify finds nothing after the repair" };
  await lab.report.attempt(subject, async () => {
    const problems = await skeinProblems(home.path);
    lab.report.holds(subject, problems === "", problems);
  });
}

interface Tear {
  readonly lab: ConformanceLab;
  readonly home: SharedHome;
  readonly name: string;
  readonly cutAt: (bytes: Buffer) => number;
}

async function tearAndRepair({ lab, home, name, cutAt }: Tear): Promise<void> {
  const { report } = lab;
  const written = await killWhileAppending(home.path, lab.cwd);
  home.threads.set(name, written.threadId);
  await truncate(written.path, cutAt(await readFile(written.path)));
  const torn = await lab.withCodex(home.path, (codex) => codex.read(written.threadId));
  const acknowledged = { part: PART, thread: name, claim: "Codex reads the turns before the torn end" };
  const count = written.turnsAcknowledged - 1;
  report.holds(acknowledged, torn.turns.length >= count, `${torn.turns.length} turns, ${count} were whole`);
  const repaired = await lab.withSkein(home.path, async (skein) => {
    const thread = await skein.resume(written.threadId);
    await (
      await thread.startTurn("after the repair")
    ).completed;
    return skein.read(written.threadId);
  });
  const codex = await lab.withCodex(home.path, (visit) => visit.read(written.threadId));
  const alike = { part: PART, thread: name, claim: "both read it alike after the repair" };
  report.same(alike, { skein: repaired.turns, codex: codex.turns });
  const last = { part: PART, thread: name, claim: "the turn after the repair is whole" };
  report.same(last, { skein: ["completed", "userMessage", "agentMessage"], codex: shapeOfLastTurn(codex) });
  await checkLines(lab, name, written.path);
}

function shapeOfLastTurn({ turns }: Thread): readonly string[] {
  const last = turns.at(-1);
  return last === undefined ? [] : [last.status, ...last.items.map(({ type }) => type)];
}

/** Every line of the repaired file is JSON of its own. */
async function checkLines(lab: ConformanceLab, name: string, path: string): Promise<void> {
  const lines = (await readFile(path, "utf8")).split("\n");
  const ending = lines.pop();
  const fused = lines.filter((line) => !isJson(line));
  const subject = { part: PART, thread: name, claim: "no line is fused with another" };
  lab.report.holds(subject, ending === "" && fused.length === 0, fused.join("\n"));
}

function isJson(line: string): boolean {
  try {
    return typeof JSON.parse(line) === "object";
  } catch {
    return false;
  }
}

/** The end of the last line that says that more lines of its batch follow. */
function endOfAnUnfinishedBatch(bytes: Buffer): number {
  const lines = bytes.toString("utf8").split("\n");
  const index = lines.findLastIndex((line) => /"skein":\{[^}]*"more":[1-9]/.test(line));
  if (index < 0) throw new Error("no batch of more than one line was found");
  return Buffer.byteLength(`${lines.slice(0, index + 1).join("\n")}\n`);
}
