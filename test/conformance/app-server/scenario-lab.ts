/**
 * Where a scenario runs: a folder of its own with a home, an empty working folder and a repository with one
 * commit, a model on loopback, and the server that is asked, ours or the peer's. All of it goes afterwards.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { nodeTypeFlags } from "../../support/node-flags.ts";
import { skeinEnvironment } from "../../support/skein-process.ts";
import type { AppServerCommand } from "./app-server-process.ts";
import { writeElsewhereThread } from "./elsewhere-thread.ts";
import { startRecordedModel } from "./recorded-model.ts";
import { readScript } from "./script.ts";
import { type ElsewhereThread, runScript, type ScriptRun } from "./script-runner.ts";
import { parseTranscript, type TranscriptEntry } from "./transcript.ts";
import { createCompleteness, type ListedDifference } from "./transcript-comparison.ts";
import { normaliseRecorded } from "./transcript-normaliser.ts";

/** Every scenario that was recorded, by name. */
export const SCENARIOS = [
  "handshake",
  "start",
  "turns",
  "resume",
  "fork",
  "rollback",
  "archive",
  "list",
  "misc",
  "review",
] as const;

/** The folders of one run. */
export interface ScenarioFolders {
  readonly home: string;
  /** The server's own working folder. */
  readonly cwd: string;
  readonly work: string;
  readonly repository: string;
}

/** A server under test. */
export interface ScenarioServer {
  /** Makes the home ready, and gives the command line. */
  prepare(folders: ScenarioFolders, baseUrl: string): Promise<AppServerCommand>;
  /** Makes a thread as another program would. */
  runElsewhere(folders: ScenarioFolders, thread: ElsewhereThread): Promise<void>;
  /** How long nothing may come before a stretch counts as over. */
  readonly quietMs: number;
}

const FIXTURES = new URL("../../fixtures/codex-0.130/", import.meta.url);
const SERVER = fileURLToPath(new URL("./app-server-child.ts", import.meta.url));
const run = promisify(execFile);

/** What the peer's transcript of the scenario says. */
export async function readRecorded(scenario: string): Promise<readonly TranscriptEntry[]> {
  const text = await readFile(new URL(`transcripts/${scenario}.txt`, FIXTURES), "utf8");
  return parseTranscript(normaliseRecorded(text));
}

/** Runs one scenario. `listed` says what need not be waited for. */
export async function runScenario(
  scenario: string,
  server: ScenarioServer,
  listed: readonly ListedDifference[],
): Promise<ScriptRun> {
  const root = await mkdtemp(join(tmpdir(), "skein-scenario-"));
  const folders = {
    home: join(root, "home"),
    cwd: join(root, "cwd"),
    work: join(root, "ws"),
    repository: join(root, "gitws"),
  };
  const model = await startRecordedModel();
  try {
    for (const folder of [folders.home, folders.cwd, folders.work]) await mkdir(folder);
    await makeRepository(folders.repository);
    const command = await server.prepare(folders, model.baseUrl);
    const steps = await readScript(fileURLToPath(new URL(`scripts/${scenario}.json`, FIXTURES)));
    const theirs = await readRecorded(scenario);
    return await runScript(steps, {
      command,
      folders: [
        [folders.home, "<HOME>"],
        [folders.cwd, "<CWD>"],
        [folders.repository, "<GITWS>"],
        [folders.work, "<WS>"],
      ],
      env: { WS: folders.work, GITWS: folders.repository },
      runElsewhere: (thread) => server.runElsewhere(folders, thread),
      isComplete: createCompleteness({ scenario, theirs, listed }),
      quietMs: server.quietMs,
    });
  } finally {
    await model.close();
    await rm(root, { recursive: true, force: true });
  }
}

/** One commit on `trunk`, with a remote that is nowhere. */
async function makeRepository(folder: string): Promise<void> {
  await mkdir(folder);
  await writeFile(join(folder, "file.txt"), "a line\n");
  const identity = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "commit.gpgsign=false"];
  const git = (...args: readonly string[]): Promise<unknown> => run("git", [...identity, ...args], { cwd: folder });
  await git("init", "--quiet", "--initial-branch=trunk");
  await git("remote", "add", "origin", "https://example.invalid/org/repo.git");
  await git("add", ".");
  await git("commit", "--quiet", "--message", "first");
}

/**
 * The server from the sources, answering with the model. Failed model requests aren't tried again, as the
 * recorded peer was told to.
 */
export const SKEIN_SERVER: ScenarioServer = {
  quietMs: 40,
  prepare: async ({ home, cwd }, baseUrl) => ({
    program: process.execPath,
    args: [...nodeTypeFlags(), SERVER, home, baseUrl],
    cwd,
    env: skeinEnvironment({ OPENAI_API_KEY: "none" }),
  }),
  runElsewhere: ({ home, work }, thread) => writeElsewhereThread({ home, cwd: work, ...thread }),
};
