/**
 * The contract of skein/remote, proto/. `generate` writes the code of it to src/store/remote/gen; `check`, what verify
 * runs, lints it, holds it against the last published contract (proto/baseline.binpb), and sees that the generated
 * code is its own; `accept` makes the contract as it stands the published one. Nothing is downloaded.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";

import { listFiles, projectRoot } from "./source-files.ts";

const BUF = "node_modules/@bufbuild/buf/bin/buf";
const GENERATED = "src/store/remote/gen";
const BASELINE = "proto/baseline.binpb";

/** Runs buf; its own words say what is wrong. */
function buf(args: readonly string[]): boolean {
  const { status, error } = spawnSync(process.execPath, [BUF, ...args], {
    cwd: projectRoot,
    // buf starts its plugin by the name "node".
    env: { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}` },
    stdio: ["ignore", "inherit", "inherit"],
    timeout: 60_000,
  });
  if (error !== undefined) console.error(`buf could not be run: ${error.message}`);
  return status === 0;
}

/** Whether the committed code is what the contract gives. */
function isCurrent(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "skein-proto-"));
  try {
    if (!buf(["generate", "-o", folder])) return false;
    const made = listFiles(folder, GENERATED);
    const kept = listFiles(projectRoot, GENERATED);
    const differing = [...new Set([...made, ...kept])].filter(
      (path) =>
        !made.includes(path) ||
        !kept.includes(path) ||
        readFileSync(join(folder, path), "utf8") !== readFileSync(join(projectRoot, path), "utf8"),
    );
    for (const path of differing) console.error(`${path} is not what proto/ gives: run node scripts/proto.ts generate`);
    return differing.length === 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(task: string | undefined): boolean {
  if (task === "generate") return buf(["generate"]);
  if (task === "accept") return buf(["build", "-o", BASELINE]);
  if (task === "check") {
    const verdicts = [buf(["lint"]), buf(["breaking", "--against", BASELINE]), isCurrent()];
    return verdicts.every(Boolean);
  }
  console.error("node scripts/proto.ts generate | check | accept");
  return false;
}

process.exitCode = run(process.argv[2]) ? 0 : 1;
