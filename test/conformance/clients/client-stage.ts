/**
 * What a client that others wrote is put on: a home, a working folder, the model on loopback, and a program that
 * it takes for `codex`, which is the `skein` command of this checkout, serving. Its folder goes afterwards.
 */
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { skeinEnvironment } from "../../support/skein-process.ts";
import { type RecordedModel, startRecordedModel } from "../app-server/recorded-model.ts";
import { writeCodexConfig } from "../codex-peer.ts";

/** A client's surroundings. */
export interface ClientStage {
  readonly home: string;
  readonly cwd: string;
  readonly model: RecordedModel;
  /** Serves the home over its standard input and output, whatever it is told. */
  readonly codexPath: string;
  /** Arguments of Node that serve the home at an address. */
  serveArguments(listen: string): readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

const LAUNCHER = fileURLToPath(new URL("../../../bin/skein.mjs", import.meta.url));

/** Runs the visit on a stage of its own. */
export async function onStage<Result>(visit: (stage: ClientStage) => Promise<Result>): Promise<Result> {
  const root = await mkdtemp(join(tmpdir(), "skein-client-"));
  const home = join(root, "home");
  const cwd = join(root, "work");
  const model = await startRecordedModel();
  try {
    await mkdir(cwd);
    // For the peer, which reads the same home in some visits.
    await writeCodexConfig(home, model.baseUrl);
    const options = { home, agent: "responses", "base-url": model.baseUrl, model: "mock-model", provider: "mock" };
    const serveArguments = (listen: string): readonly string[] => [
      LAUNCHER,
      "serve",
      "--listen",
      listen,
      ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
    ];
    const codexPath = join(root, "codex");
    const words = [process.execPath, ...serveArguments("stdio://")].map(quote).join(" ");
    await writeFile(codexPath, `#!/bin/sh\nexec ${words}\n`);
    await chmod(codexPath, 0o755);
    const env = skeinEnvironment({ OPENAI_API_KEY: "none", NO_BROWSER: "1" });
    return await visit({ home, cwd, model, codexPath, serveArguments, env });
  } finally {
    await model.close();
    await rm(root, { recursive: true, force: true });
  }
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
