/**
 * A folder for servers that goes with the process that made it, however that ends: a guard, a shell of a few lines,
 * waits on a pipe from its maker. When the pipe closes (closed by its maker, or with a maker that was killed) the
 * guard kills every server below the folder and removes it. Nothing is left running, and nothing lies around.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, chown, mkdtemp, readdir, readFile, realpath, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { systemCode } from "../../../src/base/index.ts";
import type { PostgresUser } from "./postgres-programs.ts";

/** The file of a run's folder that says why there is no server, where there is none. */
export const SKIPPED_FILE = "skipped";

/** A folder under guard. */
export interface GuardedFolder {
  readonly path: string;
  /** Kills what runs in it and removes it. */
  close(): Promise<void>;
}

/**
 * `$1` is the folder. The first line of a postmaster.pid is the server's pid. `cat` ends with the pipe. A name is
 * checked before anything is removed, and a process is killed only if its command names the folder.
 */
const GUARD = `
cat >/dev/null
case "$1" in */skein-pg-*) ;; *) exit 1 ;; esac
for round in 1 2 3 4 5; do
  for file in "$1"/*/postmaster.pid "$1"/*/*/postmaster.pid; do
    [ -f "$file" ] || continue
    pid=$(head -n 1 "$file")
    ps -o args= -p "$pid" 2>/dev/null | grep -q "$1" || grep -q "$1" "/proc/$pid/cmdline" 2>/dev/null || continue
    kill -CONT "$pid" 2>/dev/null
    kill -QUIT "$pid" 2>/dev/null
    n=0
    while kill -0 "$pid" 2>/dev/null && [ $n -lt 100 ]; do sleep 0.05; n=$((n + 1)); done
    kill -KILL "$pid" 2>/dev/null
  done
  rm -rf "$1" && [ ! -e "$1" ] && exit 0
  sleep 0.2
done
exit 1
`;

const GUARD_PID = "guard.pid";

/** Removes folders whose guard was killed too, as at a reboot, with what still runs in them. */
export async function sweepFolders(): Promise<void> {
  const place = await realpath(tmpdir());
  for (const name of (await readdir(place)).filter((entry) => entry.startsWith("skein-pg-"))) {
    const path = join(place, name);
    const guard = Number(await readFile(join(path, GUARD_PID), "utf8").catch(() => "0"));
    if (guard === 0 || isAlive(guard)) continue;
    await once(spawn("sh", ["-c", GUARD, "skein-pg-guard", path], { stdio: "ignore", cwd: "/" }), "exit");
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) === "EPERM";
  }
}

/** Makes one, open to the user whom servers run as. */
export async function openGuardedFolder(user: PostgresUser | undefined): Promise<GuardedFolder> {
  const path = await mkdtemp(join(await realpath(tmpdir()), "skein-pg-"));
  await chmod(path, 0o711);
  if (user !== undefined) await chown(path, user.uid, user.gid);
  const guard = spawn("sh", ["-c", GUARD, "skein-pg-guard", path], {
    // A session of its own: a Ctrl-C at the terminal is for its maker, and the guard works when that is gone.
    detached: true,
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
  });
  const ended = once(guard, "exit");
  guard.stdin.on("error", () => {});
  await writeFile(join(path, GUARD_PID), String(guard.pid ?? 0));
  guard.unref();
  if ("unref" in guard.stdin && typeof guard.stdin.unref === "function") guard.stdin.unref();
  return {
    path,
    async close() {
      guard.ref();
      guard.stdin.end();
      await ended;
    },
  };
}
