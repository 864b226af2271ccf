/**
 * What the `skein` command says of a home after a fault: `verify` of its files, `doctor` of its state DB, `verify
 * --projections` of its rows. The commands are called as the command line calls them, in this process.
 */
import { PassThrough } from "node:stream";

import { silentLogger, systemClock } from "../../src/base/index.ts";
import type { CliContext } from "../../src/cli/cli-context.ts";
import { parseCommandLine } from "../../src/cli/command-line.ts";
import type { HomeFinding } from "../../src/store/local/index.ts";
import { scriptedOutput } from "../support/scripted-output.ts";

/** A command's answer: its exit code and the JSON it wrote. */
export interface CommandAnswer {
  readonly exitCode: number;
  readonly json: Readonly<Record<string, unknown>>;
}

/** Runs `skein --home HOME --json WORDS…`. Rejects with the command's own error. */
export async function runCommand(home: string, ...words: string[]): Promise<CommandAnswer> {
  const [out, err] = [scriptedOutput(), scriptedOutput()];
  const line = await parseCommandLine(["--home", home, "--json", ...words], out.output, err.output);
  if (line.run === undefined) throw new Error(`skein ${words.join(" ")} has nothing to run`);
  const stream = new PassThrough();
  const context: CliContext = {
    home,
    isHomeGiven: true,
    usesStateDb: true,
    waitMaxMs: 30_000,
    json: true,
    stdin: process.stdin,
    promptOutput: stream,
    out: out.output,
    err: err.output,
    env: {},
    cwd: home,
    script: undefined,
    clock: systemClock,
    logger: silentLogger,
    endWithin: () => {},
    onInterrupt: () => () => {},
    onStop: () => () => {},
    startProgress: () => ({ tell: () => {}, say: () => {}, end: () => {} }),
    tellProgress: () => {},
  };
  const exitCode = await line.run(context);
  return { exitCode, json: JSON.parse(out.said()) as CommandAnswer["json"] };
}

/** What `skein verify` finds. */
export async function verifyFindings(home: string): Promise<readonly HomeFinding[]> {
  return (await runCommand(home, "verify")).json["findings"] as readonly HomeFinding[];
}

/** What `skein doctor` wants attention for. */
export async function doctorAttention(home: string, ...words: string[]): Promise<readonly string[]> {
  return (await runCommand(home, "doctor", ...words)).json["attention"] as readonly string[];
}

/** The verdicts of `skein verify --projections` that are not "same". */
export async function rowsThatDiffer(home: string): Promise<readonly string[]> {
  const { json } = await runCommand(home, "verify", "--projections");
  const verdicts = json["verdicts"] as readonly { readonly outcome: string; readonly message: string }[];
  return verdicts.filter(({ outcome }) => outcome !== "same").map(({ outcome, message }) => `${outcome}: ${message}`);
}
