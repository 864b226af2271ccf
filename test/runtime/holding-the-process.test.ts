/**
 * A script that awaits something of the runtime gets it: the process does not end before, although nothing
 * else holds it open. A runtime that nobody waits for holds nothing.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { nodeTypeFlags } from "../support/node-flags.ts";

const child = fileURLToPath(new URL("holding-child.ts", import.meta.url));

test.each([
  ["slow", "an agent that takes its time"],
  ["retry", "a request that is tried again after a while"],
  ["fault", "a turn whose thread fails and is opened again"],
  ["poll", "a record that another process will write"],
])("a script waits for %s: %s", (wait) => {
  expect(run(wait)).toEqual({ status: 0, stdout: "done\n" });
});

test("a runtime that was never closed lets the process end", () => {
  expect(run("forgotten")).toEqual({ status: 0, stdout: "done\n" });
});

function run(wait: string): { status: number | null; stdout: string } {
  const home = mkdtempSync(join(tmpdir(), "skein-holding-"));
  try {
    const options = { encoding: "utf8", timeout: 25_000 } as const;
    const { status, stdout } = spawnSync(process.execPath, [...nodeTypeFlags(), child, wait, home], options);
    return { status, stdout };
  } finally {
    rmSync(home, { recursive: true });
  }
}
