/**
 * The contract of skein/remote is held against the published one: a change that older clients would trip over is
 * found, and one that they can pass over is none.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, expect, test } from "vitest";

import { projectRoot } from "../../scripts/source-files.ts";

const BUF = join(projectRoot, "node_modules/@bufbuild/buf/bin/buf");
const folder = mkdtempSync(join(tmpdir(), "skein-proto-test-"));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function breaking(change: (text: string) => string): string {
  const file = "proto/skein/thread_store/v1/thread_store.proto";
  cpSync(join(projectRoot, "proto"), join(folder, "proto"), { recursive: true });
  cpSync(join(projectRoot, "buf.yaml"), join(folder, "buf.yaml"));
  writeFileSync(join(folder, file), change(readFileSync(join(projectRoot, file), "utf8")));
  const args = [BUF, "breaking", "--against", join(projectRoot, "proto/baseline.binpb")];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: 60_000 });
  return stdout + stderr;
}

test("a new member is no break, a removed and a renumbered one are", { timeout: 120_000 }, () => {
  expect(
    breaking((text) => text.replace("message KeepAliveResponse {}", "message KeepAliveResponse { bool new = 1; }")),
  ).toBe("");
  expect(breaking((text) => text.replace("  string snippet = 2;\n", ""))).toContain("snippet");
  expect(breaking((text) => text.replace("bool duplicate = 4;", "bool duplicate = 9;"))).toContain("duplicate");
});
