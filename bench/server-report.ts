/**
 * What the server bench found, as tables for people: each of ours beside the peer's, the ratio of the two, and
 * the goal that it is held to.
 */
import type { KillCounts } from "../test/crash/server-kills.ts";
import type { MemoryCost, StartCost } from "./server-starts.ts";
import type { TurnCost } from "./server-turns.ts";

/** A measured load, and whose. */
export interface TurnRow extends TurnCost {
  /** "skein", "skein --no-db" or "codex". */
  readonly server: string;
  /** How long the answer of a turn is: 32, 1,000 or 4,000 characters. */
  readonly size: "short" | "ordinary" | "long";
}

/** All of a run; what was not asked for is empty. */
export interface ServerReport {
  readonly turns: readonly TurnRow[];
  readonly starts: readonly StartCost[];
  readonly memory: readonly MemoryCost[];
  readonly kills: readonly (KillCounts & { readonly server: string })[];
}

const KB = 1024;

/** The tables of what was measured. */
export function textOfReport({ turns, starts, memory, kills }: ServerReport): string {
  const parts = [turnsTable(turns), diskTable(turns), startsTable(starts), memoryTable(memory), killsTable(kills)];
  return parts.filter((part) => part !== "").join("\n\n");
}

function turnsTable(rows: readonly TurnRow[]): string {
  const isCompared = ({ size, server }: TurnRow): boolean => size === "ordinary" && server !== "skein --no-db";
  const lines = rows.filter(isCompared).map((row) => {
    const { server, threads, turns, turnsPerSecond, cpuMs } = row;
    const peer = rows.find((other) => other.server === "codex" && other.threads === threads && other.size === row.size);
    const isOurs = server === "skein" && peer !== undefined;
    const speed = isOurs ? `${(turnsPerSecond / peer.turnsPerSecond).toFixed(1)}x` : "";
    const cpu = isOurs ? `1/${(peer.cpuMs / cpuMs).toFixed(1)}` : "";
    return [server, threads, turns, turnsPerSecond.toFixed(1), speed, cpuMs.toFixed(2), cpu];
  });
  return table("turns (goals: 8x the peer's turns/s at 8 threads, 1/10 of its CPU)", [
    ["server", "threads", "turns", "turns/s", "", "CPU ms/turn", ""],
    ...lines,
  ]);
}

function diskTable(rows: readonly TurnRow[]): string {
  const lines = rows.map(({ server, size, threads, rolloutBytes, writtenBytes, writtenRatio }) => {
    const written = (writtenBytes / KB).toFixed(1);
    return [server, size, threads, (rolloutBytes / KB).toFixed(2), written, `${writtenRatio.toFixed(1)}x`];
  });
  return table("bytes written a turn, dirtied pages of 4 KB (goal: 3x the rollout's own)", [
    ["server", "answers", "threads", "rollout KB", "written KB", "ratio"],
    ...lines,
  ]);
}

function startsTable(rows: readonly StartCost[]): string {
  const lines = rows.map(({ server, freshMs, warmMs, warmCpuMs }) => [server, freshMs, warmMs, warmCpuMs].map(rounded));
  return table("start of the process to the answer to initialize, median ms (goal: the peer's)", [
    ["server", "fresh home", "warm home", "CPU (warm)"],
    ...lines,
  ]);
}

function memoryTable(rows: readonly MemoryCost[]): string {
  const lines = rows.map(({ server, idleMb, threads, loadedMb, perThreadKb, startSeconds }) => {
    return [server, idleMb, threads, loadedMb, perThreadKb].map(rounded).concat(startSeconds.toFixed(2));
  });
  return table("resident memory", [
    ["server", "idle MB", "threads", "loaded MB", "KB/thread", "started in s"],
    ...lines,
  ]);
}

function killsTable(rows: ServerReport["kills"]): string {
  const lines = rows.map(({ server, point, kills, told, missing, killsWithLoss, threadsGone }) => {
    return [server, point, kills, told, missing, killsWithLoss, threadsGone];
  });
  return table("kill -9 at a line the client reads (goal: nothing missing)", [
    ["server", "killed at", "kills", "told", "missing", "kills with loss", "threads gone"],
    ...lines,
  ]);
}

function rounded(value: string | number): string | number {
  return typeof value === "number" ? Math.round(value) : value;
}

/** Columns aligned, words left and numbers right; "" for a table without rows. */
function table(title: string, rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length < 2) return "";
  const texts = rows.map((row) => row.map(String));
  const widths = texts[0]?.map((_, column) => Math.max(...texts.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = texts.map((row) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return /^[a-z]/i.test(rows[1]?.[column]?.toString() ?? "") ? cell.padEnd(width) : cell.padStart(width);
    });
    return `  ${cells.join("  ").trimEnd()}`;
  });
  return [title, ...lines].join("\n");
}
