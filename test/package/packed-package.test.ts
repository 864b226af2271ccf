/**
 * The package as a stranger gets it: packed, unpacked elsewhere, imported, type-checked and started from there.
 * Its dependencies are linked from the checkout, those that package.json names and no others;
 * `npm run test:package` does the same with a real install.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { checkCommand, checkModules, checkStoreCheck, checkTypes } from "../../scripts/consumer-checks.ts";
import { linkConsumer, packPackage } from "../../scripts/packed-package.ts";
import { projectRoot } from "../../scripts/source-files.ts";

const folder = mkdtempSync(join(tmpdir(), "skein-packed-"));

beforeAll(async () => {
  await ensureBuilt(projectRoot);
  linkConsumer(projectRoot, packPackage(projectRoot, folder), folder);
}, 120_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

test(
  "a program imports all entry points, opens and serves a runtime, and follows a thread by a client",
  { timeout: 60_000 },
  () => {
    const names = checkModules(folder);
    expect(names.skein).toContain("openRuntime");
    expect(names.client).toContain("connectClient");
    expect(names.server).toContain("serveRuntime");
    expect(names.testing.length).toBeGreaterThan(0);
  },
);

test("a strict TypeScript program type-checks against its declarations", { timeout: 60_000 }, () => {
  checkTypes(projectRoot, folder);
});

test("the skein command says its version and lists an empty home as JSON", { timeout: 60_000 }, () => {
  checkCommand(folder);
});

test(
  "check-store checks a store of the project, and says what to install where fast-check is missing",
  { timeout: 60_000 },
  () => {
    checkStoreCheck(folder);
  },
);
