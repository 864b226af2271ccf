/**
 * What this machine can do to a process and its disk: asked once for each row, so that a machine without root, a
 * compiler or loop devices skips what it can't, and says why.
 */
import { spawnSync } from "node:child_process";

import type { FaultNeed } from "./fault-row.ts";
import type { FaultShim } from "./fault-shim.ts";

/** Why the machine can't do this; null when it can. */
export function whyUnable(need: FaultNeed, shim: FaultShim): string | null {
  switch (need) {
    case "shim":
      return shim.reason;
    case "root":
      return process.getuid?.() === 0 ? null : "needs root";
    case "prlimit":
      return whyNoProgram("prlimit");
    case "tmpfs":
      return whyUnable("root", shim) ?? whyNoProgram("mount") ?? whyNoMount();
    case "loop":
      return whyUnable("tmpfs", shim) ?? whyNoProgram("mkfs.ext4") ?? whyNoProgram("losetup");
    case "signals":
      return process.platform === "win32" ? "SIGSTOP needs a Unix" : null;
  }
}

function whyNoProgram(name: string): string | null {
  return spawnSync(name, ["--version"]).error === undefined ? null : `there is no ${name}`;
}

/** A container may have root and still not be let. */
function whyNoMount(): string | null {
  const { status } = spawnSync("unshare", ["--mount", "true"]);
  return status === 0 ? null : "may not mount file systems";
}
