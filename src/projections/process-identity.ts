/**
 * Who a process is, told so that another process on the same machine can prove it gone: the boot of the
 * kernel, the namespace of process ids, the id, and when the kernel started it. An id alone proves nothing,
 * since it is given out again. Only what is proven counts: where the kernel does not say (no /proc, another
 * machine, another container), an owner is never proven dead, and who waits goes by the heartbeat.
 */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";

import { type Clock, type IdSource, systemCode } from "../base/index.ts";

/** A process that owns something, as it is written down. */
export interface OwnerProcess {
  /** Unique for each time that a process took its place among the owners. */
  readonly ownerId: string;
  readonly host: string;
  readonly pid: number;
  /** Which start of the kernel; null where that is unknown, and so are the two below. */
  readonly bootId: string | null;
  readonly pidNamespace: string | null;
  /** When the kernel started the process, in its own ticks since boot. */
  readonly processStart: string | null;
}

/** This process. */
export interface ProcessIdentity extends OwnerProcess {
  /** Wall time, only shown. */
  readonly startedAtMs: number;
}

/** What an identity is made from. */
export interface ProcessIdentityOptions {
  readonly ids: IdSource;
  readonly clock: Clock;
  /** Where the kernel tells about processes. Default `/proc`. */
  readonly procRoot?: string;
}

const PROC_ROOT = "/proc";
/** Fields of `stat`, counted from the one behind the command's name: the state, the threads, the start. */
const STAT_FIELDS = Object.freeze({ state: 0, threads: 17, start: 19 });

/** Says who this process is. Make it once, and hand it on. */
export function createProcessIdentity(options: ProcessIdentityOptions): ProcessIdentity {
  const { ids, clock, procRoot = PROC_ROOT } = options;
  return {
    ownerId: ids.next(),
    host: hostname(),
    pid: process.pid,
    bootId: readKernelText(() => readFileSync(join(procRoot, "sys/kernel/random/boot_id"), "utf8").trim()),
    pidNamespace: readKernelText(() => readlinkSync(join(procRoot, "self/ns/pid"))),
    processStart: readStat("self", procRoot)?.start ?? null,
    startedAtMs: clock.nowMs(),
  };
}

/** Whether it is certain that an owner will never write again. False says nothing. */
export function isProvenDead(owner: OwnerProcess, me: OwnerProcess, procRoot: string = PROC_ROOT): boolean {
  if (owner.bootId === null || owner.pidNamespace === null || owner.processStart === null) return false;
  if (owner.bootId !== me.bootId || owner.pidNamespace !== me.pidNamespace) return false;
  if (!hasProcess(owner.pid)) return true;
  const stat = readStat(String(owner.pid), procRoot);
  if (stat === undefined) return false;
  // Ended and not yet asked for by its parent; but its other threads may still be at their last write.
  const isOver = (stat.state === "Z" || stat.state === "X") && stat.threads <= 1;
  return isOver || stat.start !== owner.processStart;
}

/** Asked of the kernel and not of /proc, which may hide the processes of other users. */
function hasProcess(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

interface ProcessStat {
  readonly state: string;
  readonly threads: number;
  readonly start: string;
}

function readStat(pid: string, procRoot: string): ProcessStat | undefined {
  const text = readKernelText(() => readFileSync(join(procRoot, pid, "stat"), "utf8"));
  // The command's name stands in parentheses, and may hold spaces and parentheses itself.
  const fields = text?.slice(text.lastIndexOf(")") + 2).split(" ");
  const [state, threads, start] = [STAT_FIELDS.state, STAT_FIELDS.threads, STAT_FIELDS.start].map((at) => fields?.[at]);
  if (state === undefined || threads === undefined || start === undefined) return undefined;
  return { state, threads: Number(threads), start };
}

/** What the kernel says, or null where it has no such file. */
function readKernelText(read: () => string): string | null {
  try {
    const text = read();
    return text === "" ? null : text;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return null;
  }
}
