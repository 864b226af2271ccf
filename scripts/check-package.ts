/**
 * Checks what would be published: builds dist/, packs it, and lets publint and are-the-types-wrong judge the tarball.
 * Nothing is left behind but a fresh dist/.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { ensureBuilt } from "./build.ts";
import { packPackage, requireCommand } from "./packed-package.ts";
import { projectRoot } from "./source-files.ts";

/** Packs and judges; throws with the tool's own words if one of them objects. */
async function checkPackage(root: string): Promise<void> {
  await ensureBuilt(root);
  const folder = mkdtempSync(join(tmpdir(), "skein-package-"));
  try {
    const tarball = packPackage(root, folder);
    const tool = (name: string): string => join(root, "node_modules", ".bin", name);
    requireCommand(tool("publint"), ["run", tarball, "--strict"], root);
    requireCommand(tool("attw"), [tarball, "--profile", "esm-only", "--no-emoji", "--no-color"], root);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

await checkPackage(projectRoot);
