/**
 * The file of a unix socket: nobody but its owner ever may connect, one left behind by a process that died is
 * taken over, one that somebody listens at is not, and only our own is removed at the end.
 * A socket is bound in a private folder beside its path and linked to the path once its mode is set: so it never
 * stands there open to others, and of two processes that start together one is told that the other was first.
 */
import { chmodSync, linkSync, lstatSync, mkdtempSync, renameSync, rmSync, type Stats, unlinkSync } from "node:fs";
import { connect, type Server } from "node:net";
import { basename, dirname, join } from "node:path";

import { fault, faultFromSystem, rejection, systemCode } from "../../base/index.ts";

/** A socket file that is ours. */
export interface UnixSocketFile {
  /** Removes the file, unless another process has put its own in its place. */
  release(): void;
}

/** What the kernel keeps of a path: 108 bytes with a NUL on Linux, 104 on macOS. */
const PATH_BYTES_MAX = process.platform === "darwin" ? 103 : 107;
/** "." and six characters that mkdtemp chooses, then "/s". */
const PRIVATE_PREFIX = ".";
const PRIVATE_NAME_BYTES = 9;
/** How often a path that changes hands meanwhile is looked at anew. */
const ATTEMPTS_MAX = 5;
const PROBE_MS_MAX = 2_000;

/** Lets the server listen at this path. `invalid_argument` for a path that can't be one; `io_error` with EADDRINUSE where somebody listens. */
export async function listenAtSocketFile(server: Server, path: string): Promise<UnixSocketFile> {
  checkPathLength(path);
  let folder: string;
  try {
    // No `join`: that would leave out the dot, and the folder would stand beside this one.
    folder = mkdtempSync(`${dirname(path)}/${PRIVATE_PREFIX}`);
  } catch (error) {
    throw faultFromSystem(error, "make a socket; its folder must be there and ours to write", { path });
  }
  try {
    const bound = join(folder, "s");
    await listen(server, bound);
    chmodSync(bound, 0o600);
    const ours = lstatSync(bound);
    await claim(bound, path, folder);
    return { release: () => releaseIfSame(path, ours) };
  } catch (error) {
    server.close();
    throw faultFromSystem(error, "listen at a socket", { path });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function checkPathLength(path: string): void {
  const bytes = Buffer.byteLength(path);
  // It is bound under the private name first, which a very short file name is shorter than.
  const bytesMax = PATH_BYTES_MAX - Math.max(0, PRIVATE_NAME_BYTES - Buffer.byteLength(basename(path)));
  if (bytes <= bytesMax) return;
  throw rejection("invalid_argument", `a socket's path may have ${bytesMax} bytes, and this one has ${bytes}`, {
    bytes,
    bytesMax,
    path,
  });
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** Puts the bound socket at its path. What is there already goes only if it is a socket that nobody listens at. */
async function claim(bound: string, path: string, folder: string): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if (tryLink(bound, path)) return;
    const there = statIfThere(path);
    if (there === undefined) continue;
    if (!there.isSocket()) {
      throw rejection("invalid_argument", `${path} is there and is no socket; give another path, or remove it`, {
        path,
      });
    }
    if (await isListenedAt(path)) break;
    setAside(path, there, join(folder, `stale-${attempt}`));
  }
  throw fault("io_error", `address in use: somebody listens at ${path}`, { data: { errno: "EADDRINUSE", path } });
}

/** False where something is there already. */
function tryLink(bound: string, path: string): boolean {
  try {
    linkSync(bound, path);
    return true;
  } catch (error) {
    if (systemCode(error) === "EEXIST") return false;
    throw error;
  }
}

/** Takes a stale socket away; one that came there since it was looked at is put back. */
function setAside(path: string, stale: Stats, aside: string): void {
  try {
    renameSync(path, aside);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return;
    throw error;
  }
  if (!isSame(lstatSync(aside), stale)) tryLink(aside, path);
}

/** Whether somebody accepts connections there. Whoever is too busy to answer is somebody. */
function isListenedAt(path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    const answer = (isListening: boolean): void => {
      socket.destroy();
      resolve(isListening);
    };
    socket.setTimeout(PROBE_MS_MAX, () => answer(true));
    socket.on("connect", () => answer(true));
    socket.on("error", (error) => {
      const code = systemCode(error);
      if (code === "ECONNREFUSED" || code === "ENOENT") return answer(false);
      if (code === "EAGAIN") return answer(true);
      reject(error);
    });
  });
}

function releaseIfSame(path: string, ours: Stats): void {
  const there = statIfThere(path);
  if (there === undefined || !isSame(there, ours)) return;
  try {
    unlinkSync(path);
  } catch (error) {
    if (systemCode(error) !== "ENOENT") throw faultFromSystem(error, "remove the socket", { path });
  }
}

function statIfThere(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function isSame(one: Stats, other: Stats): boolean {
  return one.ino === other.ino && one.dev === other.dev;
}
