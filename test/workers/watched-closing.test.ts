/**
 * The end of a program that watches a home, in a process of its own: within a test runner something always holds the
 * process, and nobody sees a promise that nothing waits for.
 */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { expect, it } from "vitest";

import { nodeTypeFlags } from "../support/node-flags.ts";

const ENTRY = fileURLToPath(new URL("closing-child.ts", import.meta.url));

it("closes a home whose watcher is still starting, and ends by itself", async () => {
  const home = await mkdtemp(join(tmpdir(), "skein-closing-"));
  try {
    // Rejects for another exit code than 0: a close that is never done ends the process with 13.
    const { stdout } = await promisify(execFile)(process.execPath, [...nodeTypeFlags(), ENTRY, home]);
    expect(stdout).toBe("closed\n");
  } finally {
    await rm(home, { recursive: true, force: true });
  }
});
