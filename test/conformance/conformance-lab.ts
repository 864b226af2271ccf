/**
 * One home and the two programs that share it, never at the same time: Codex is a fresh process for
 * each visit, and Skein a freshly opened runtime, so that what one of them knows of the other's work
 * it knows from the files. The model on loopback stays for the whole run.
 */
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { CodexDriver } from "./codex-driver.ts";
import { CodexPeer } from "./codex-peer.ts";
import type { CheckReport } from "./check-report.ts";
import { type MockResponsesServer, startMockResponsesServer } from "./mock-responses-server.ts";
import { openSkeinHome, type SkeinHome } from "./skein-home.ts";

/** What a run needs from outside. */
export interface LabOptions {
  /** Codex's native program. */
  readonly program: string;
  readonly report: CheckReport;
  /** Told what begins. */
  readonly note: (line: string) => void;
}

/** A run's own folder, its model and its report. */
export interface ConformanceLab extends LabOptions {
  readonly model: MockResponsesServer;
  /** Working folder of every thread. */
  readonly cwd: string;
  /** A path for a home with this name; the folder isn't made. */
  homePath(name: string): string;
  withCodex<Result>(home: string, visit: (codex: CodexDriver) => Promise<Result>): Promise<Result>;
  withSkein<Result>(home: string, visit: (skein: SkeinHome) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

/** Makes the folder and starts the model. */
export async function openConformanceLab(options: LabOptions): Promise<ConformanceLab> {
  const root = await mkdtemp(join(tmpdir(), "skein-conformance-"));
  const cwd = join(root, "work");
  await mkdir(cwd);
  const model = await startMockResponsesServer();
  const { program } = options;
  return {
    ...options,
    model,
    cwd,
    homePath: (name) => join(root, name),
    withCodex: async (home, visit) => {
      const peer = await CodexPeer.open({ program, home, cwd, baseUrl: model.baseUrl });
      try {
        return await visit(new CodexDriver(peer));
      } finally {
        await peer.close();
      }
    },
    withSkein: async (home, visit) => {
      const skein = await openSkeinHome(home, cwd);
      try {
        return await visit(skein);
      } finally {
        await skein.close();
      }
    },
    close: async () => {
      await model.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
