/**
 * The two servers that are compared, by how each is started on a home with one model: ours and Codex's
 * app-server. Nothing else differs in how they are driven.
 */
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { peerEnvironment, writeCodexConfig } from "../conformance/codex-peer.ts";
import { skeinArguments, skeinEnvironment } from "../support/skein-process.ts";

/** A command line that serves its standard input and output. */
export interface ServerCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** One of the servers. */
export interface ServerSide {
  readonly name: "skein" | "codex";
  /** Makes the home what the server needs, and gives the command that serves it. */
  prepare(home: string, baseUrl: string): Promise<ServerCommand>;
}

const BIN = fileURLToPath(new URL("../../bin/skein.mjs", import.meta.url));

/** `skein serve`: as built, or from its sources. */
export function skeinSide(form: "built" | "source", more: readonly string[] = []): ServerSide {
  return {
    name: "skein",
    async prepare(home, baseUrl) {
      await mkdir(home, { recursive: true });
      const model = ["--base-url", baseUrl, "--model", "mock-model", "--provider", "mock"];
      const args = ["serve", "--listen", "stdio://", "--home", home, "--agent", "responses", ...model, ...more];
      const key = { OPENAI_API_KEY: "none" };
      if (form === "source") {
        return { program: process.execPath, args: skeinArguments(args), cwd: home, env: skeinEnvironment(key) };
      }
      const { NODE_COMPILE_CACHE: _cache, ...env } = skeinEnvironment(key);
      return { program: process.execPath, args: [BIN, ...args], cwd: home, env };
    },
  };
}

/** `codex app-server`. */
export function codexSide(program: string): ServerSide {
  return {
    name: "codex",
    async prepare(home, baseUrl) {
      await writeCodexConfig(home, baseUrl);
      return { program, args: ["app-server"], cwd: home, env: peerEnvironment(home) };
    },
  };
}
