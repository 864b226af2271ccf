/**
 * A runtime on a store that is not a home writes nothing at all under the home: not at start, not by any
 * operation, not at the end. Proved from outside the process, by watching the folder and by comparing it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, watch, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { nodeTypeFlags } from "../support/node-flags.ts";

const children = [
  ["a memory store", "./memory-runtime-child.ts", "named\n", /^$/],
  [
    "a wrapper that fails, with a logger and a shutdown that runs out of time",
    "./failing-runtime-child.ts",
    "completed,disk_full,failed,timed out\n",
    /a thread failed/,
  ],
] as const;

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-untouched-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** Every path under the folder with its kind, size, content and time of change. */
function pictureOf(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: "utf8" })
    .toSorted()
    .map((path) => {
      const whole = join(root, path);
      const { mtimeMs, ctimeMs, mode, size } = statSync(whole);
      const content = statSync(whole).isFile() ? readFileSync(whole, "utf8") : "";
      return [path, mode, size, mtimeMs, ctimeMs, content].join("|");
    });
}

async function runChild(
  cwd: string,
  child: string,
): Promise<{ exitCode: number | null; stdout: string; stderr: string }> {
  const homes = { HOME: folder, USERPROFILE: folder, CODEX_HOME: folder, SKEIN_HOME: folder, XDG_CONFIG_HOME: folder };
  const running = spawn(process.execPath, [...nodeTypeFlags(), child], { cwd, env: { ...process.env, ...homes } });
  let stdout = "";
  let stderr = "";
  running.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  running.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const [exitCode] = (await once(running, "close")) as [number | null];
  return { exitCode, stdout, stderr };
}

describe.each(children)("a runtime on %s", (_title, script, stdout, stderr) => {
  it("writes nothing under the folder that HOME, CODEX_HOME and SKEIN_HOME name, nor under its working folder", async () => {
    mkdirSync(join(folder, "sessions", "2026"), { recursive: true });
    writeFileSync(join(folder, "session_index.jsonl"), "");
    const before = pictureOf(folder);
    const touched: string[] = [];
    const watcher = watch(folder, { recursive: true }, (event, path) => touched.push(`${event} ${path}`));

    const result = await runChild(folder, fileURLToPath(new URL(script, import.meta.url)));

    expect(result).toEqual({ exitCode: 0, stdout, stderr: expect.stringMatching(stderr) });
    expect(pictureOf(folder)).toEqual(before);
    // The watcher tells late: a file of our own is the last thing it can have to tell.
    writeFileSync(join(folder, "last"), "");
    await expect.poll(() => touched.some((told) => told.endsWith(" last")), { timeout: 10_000 }).toBe(true);
    watcher.close();
    expect(touched.filter((told) => !told.endsWith(" last"))).toEqual([]);
  });
});
