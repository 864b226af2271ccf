/**
 * The long form of test/package: packs the package, installs the tarball from the registry into a project of its own,
 * and checks its modules, its types and its command there, the demo included. Needs the network or a warm npm cache.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { checkCommand, checkModules, checkStoreCheck, checkTypes } from "./consumer-checks.ts";
import { installConsumer, packPackage, requireCommand } from "./packed-package.ts";
import { projectRoot } from "./source-files.ts";

const folder = mkdtempSync(join(tmpdir(), "skein-installed-"));
try {
  const tarball = packPackage(projectRoot, folder);
  console.log("ok packed");
  installConsumer(projectRoot, tarball, folder);
  console.log("ok installed");
  const names = checkModules(folder);
  console.log(
    `ok imports: skein has ${names.skein.length} names, skein/client ${names.client.length}, skein/server ${names.server.length}, skein/testing ${names.testing.length}`,
  );
  checkTypes(projectRoot, folder);
  console.log("ok types");
  checkCommand(folder);
  console.log("ok command");
  checkStoreCheck(folder);
  console.log("ok check-store");
  requireCommand(join(folder, "node_modules", ".bin", "skein"), ["demo", "--home", join(folder, "demo-home")], folder);
  console.log("ok demo");
} finally {
  rmSync(folder, { recursive: true, force: true });
}
