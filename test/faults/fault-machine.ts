/**
 * What this machine can do to a process and its disk: asked for each row, so that a machine without root, a compiler
 * or loop devices skips what it can't, and says why.
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
    case "setpriv":
      return whyNot([need, "--version"]);
    case "tmpfs":
      return whyUnable("root", shim) ?? whyNot(["mount", "--version"]) ?? whyNoMount();
    case "loop":
      return whyUnable("tmpfs", shim) ?? whyNot(["mkfs.ext4", "-V"]) ?? whyNot(["losetup", "--find"]);
    case "signals":
      return process.platform === "win32" ? "SIGSTOP needs a Unix" : null;
  }
}

function whyNot([program, ...args]: readonly [string, ...string[]]): string | null {
  const { error, status } = spawnSync(program, args);
  if (error !== undefined) return `there is no ${program}`;
  return status === 0 ? null : `${program} can't be used here`;
}

/** A container may have root and still not be let: asked in a namespace of its own. */
function whyNoMount(): string | null {
  return whyNot(["unshare", "--mount", "true"]) === null ? null : "may not mount file systems";
}
