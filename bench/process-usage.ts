/**
 * What a process and its children have used so far, as Linux counts it in /proc: CPU, bytes that went towards
 * the disk, resident memory. Nothing of it is there on other systems.
 *
 * Written bytes are counted when a page of a file becomes dirty, a page at a time: a file that is synced after
 * each of three short appends counts three pages, as that is what the disk is told to write.
 */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

/** What was used until now. */
export interface ProcessUsage {
  readonly cpuMs: number;
  /** Pages that became dirty, in bytes. */
  readonly writtenBytes: number;
}

/** Of /proc/PID/stat: a tick is 10 ms on every Linux that Node runs on. */
const TICK_MS = 10;

/** Looks at a process that starts and ends others all the time, until none of them ended between two looks. */
const LOOKS_MAX = 20;

/** CPU and written bytes of a process with all that it started. */
export function usageOf(pid: number): ProcessUsage {
  for (let look = 1; ; look += 1) {
    try {
      return usageOfTree(pid);
    } catch (error) {
      const isGone = error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ESRCH");
      if (!isGone || look === LOOKS_MAX) throw error;
    }
  }
}

function usageOfTree(pid: number): ProcessUsage {
  let [cpuMs, writtenBytes] = [0, 0];
  for (const member of treeOf(pid)) {
    const stat = readFileSync(`/proc/${member}/stat`, "utf8");
    // Behind the program's name, which may hold blanks: field 3 comes first; 14 to 17 are the times, its own and its dead children's.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    cpuMs += fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) * TICK_MS;
    writtenBytes += Number(/^write_bytes: (\d+)/m.exec(readFileSync(`/proc/${member}/io`, "utf8"))?.[1] ?? 0);
  }
  return { cpuMs, writtenBytes };
}

/** Resident memory of a process with all that it started, bytes. */
export function residentBytesOf(pid: number): number {
  return treeOf(pid).reduce((sum, member) => {
    const status = readFileSync(`/proc/${member}/status`, "utf8");
    return sum + Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }, 0);
}

function treeOf(pid: number): readonly number[] {
  const members = [pid];
  for (const member of members) {
    for (const thread of readdirSync(`/proc/${member}/task`)) {
      const children = readFileSync(`/proc/${member}/task/${thread}/children`, "utf8").trim();
      if (children !== "") members.push(...children.split(" ").map(Number));
    }
  }
  return members;
}

/** Bytes of all rollouts of a home. */
export function rolloutBytesOf(home: string): number {
  let bytes = 0;
  for (const entry of readdirSync(join(home, "sessions"), { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && entry.name.endsWith(".jsonl")) bytes += statSync(join(entry.parentPath, entry.name)).size;
  }
  return bytes;
}

/** The middle of some numbers. */
export function medianOf(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
