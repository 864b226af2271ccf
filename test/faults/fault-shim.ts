/**
 * The layer between a program and the system that makes faults (fault-shim.c): compiled once a run with the machine's
 * own compiler, and loaded into a child by LD_PRELOAD. Where that can't be, it says why.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const SOURCE = fileURLToPath(new URL("fault-shim.c", import.meta.url));
const COMPILE_MS_MAX = 30_000;
const COMPILER = process.env["CC"] ?? "cc";

/** The compiled layer, or why there is none. `remove` takes it away again. */
export type FaultShim =
  | { readonly path: string; readonly reason: null; remove(): void }
  | { readonly path: null; readonly reason: string; remove(): void };

/** Compiles it into a folder of its own. */
export function compileFaultShim(): FaultShim {
  const folder = mkdtempSync(join(tmpdir(), "skein-fault-shim-"));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const none = (reason: string): FaultShim => {
    remove();
    return { path: null, reason, remove: () => {} };
  };
  if (process.platform !== "linux") return none("faults of system calls need Linux");
  const path = join(folder, "fault-shim.so");
  const args = ["-shared", "-fPIC", "-O1", "-o", path, SOURCE, "-ldl", "-lpthread"];
  const { error, stderr } = spawnSync(COMPILER, args, { encoding: "utf8", timeout: COMPILE_MS_MAX });
  if (error !== undefined) return none(`there is no C compiler (${COMPILER})`);
  if (!existsSync(path)) return none(`the C compiler refuses it: ${stderr.slice(0, 300)}`);
  return { path, reason: null, remove };
}

/** Kinds of calls that are counted: create, mkdir, link, rename, sync, truncate, unlink, write. */
export type CallKind = "c" | "d" | "l" | "r" | "s" | "t" | "u" | "w";

/** What happens at the Nth call that changes something in the home. */
export interface FaultPlan {
  /** 1 for the first counted call; 0 counts only. */
  readonly at: number;
  /** `kill`, or the system's error that the call fails with. */
  readonly does: "kill" | keyof typeof constants.errno;
  /** A write is done by half before that. Default false. */
  readonly isHalf?: boolean;
  /** Every counted call from the Nth on, not that one alone. Default false. */
  readonly isSticky?: boolean;
  /** Only these kinds are counted, each a letter. Default: all. */
  readonly kinds?: string;
  /** Only paths that contain this are counted. */
  readonly only?: string;
  /** Paths that contain this aren't counted. */
  readonly not?: string;
}

/** The path whose removal makes a loaded layer begin. */
export function armPath(plan: FaultPlan): string {
  const { at, does, isHalf = false, isSticky = false, kinds, only, not } = plan;
  const words = [`at=${at}`, `do=${does === "kill" ? "kill" : constants.errno[does]}`];
  if (isHalf) words.push("half=1");
  if (isSticky) words.push("sticky=1");
  if (kinds !== undefined) words.push(`kinds=${kinds}`);
  if (only !== undefined) words.push(`only=${only}`);
  if (not !== undefined) words.push(`not=${not}`);
  return `/skein-fault/arm/${words.join(",")}`;
}

/** The path whose removal makes it stop. */
export const DISARM_PATH = "/skein-fault/disarm";

/** The path whose removal moves the wall clock that a child sees. */
export function clockPath(seconds: number): string {
  return `/skein-fault/clock/${seconds}`;
}

/** A call that was counted. */
export interface TracedCall {
  readonly number: number;
  readonly kind: CallKind;
  readonly bytes: number;
  readonly path: string;
}

/** The counted calls of a child, oldest first. */
export function readTrace(path: string): readonly TracedCall[] {
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [number = "", kind = "", bytes = "", ...rest] = line.split(" ");
      return { number: Number(number), kind: kind as CallKind, bytes: Number(bytes), path: rest.join(" ") };
    });
}
