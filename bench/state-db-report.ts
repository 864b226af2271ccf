/**
 * What the state bench found: a row an operation, as a line of the table and as JSON. A row counts as
 * reached or missed only where there is a goal, both sides were measured, and both saw the same.
 */
import type { Goal, Timed } from "./state-db-operations.ts";

/** One side's runs of an operation. */
export interface SideFigures {
  readonly medianMs: number;
  readonly minMs: number;
  readonly maxMs: number;
  /** The run before the measured ones: the first after the opening. Null where every run is one. */
  readonly firstMs: number | null;
  readonly runs: number;
  /** Median CPU of the process, where the side ran in one of its own. */
  readonly cpuMs: number | null;
  /** Median of such a process's most memory, MB. */
  readonly peakMb: number | null;
  /** Median time until such a process had loaded its modules. */
  readonly loadMs: number | null;
}

/** One line of the table. */
export interface StateBenchRow {
  readonly name: string;
  readonly skein: SideFigures | null;
  readonly codex: SideFigures | null;
  /** The peer's median over Skein's. */
  readonly ratio: number | null;
  readonly goal: Goal | null;
  readonly verdict: "ok" | "missed" | null;
  /** What kept a side from being measured, or that the two did not answer the same. */
  readonly notes: readonly string[];
}

/** The figures of the runs; null without any. */
export function figuresOf(runs: readonly Timed[], first: Timed | null): SideFigures | null {
  if (runs.length === 0) return null;
  const times = runs.map(({ ms }) => ms).toSorted((a, b) => a - b);
  return {
    medianMs: median(times),
    minMs: times[0] ?? 0,
    maxMs: times.at(-1) ?? 0,
    firstMs: first?.ms ?? null,
    runs: runs.length,
    cpuMs: medianOfGiven(runs.map(({ cpuMs }) => cpuMs)),
    peakMb: medianOfGiven(runs.map(({ peakMb }) => peakMb)),
    loadMs: medianOfGiven(runs.map(({ loadMs }) => loadMs)),
  };
}

function medianOfGiven(values: readonly (number | null | undefined)[]): number | null {
  const given = values.filter((value) => value !== null && value !== undefined);
  return given.length === 0 ? null : median(given);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

/** What is known when an operation's runs are over. */
export type MeasuredOperation = Pick<StateBenchRow, "name" | "skein" | "codex" | "goal" | "notes">;

/** Adds the ratio and the judgement. */
export function rowOf(measured: MeasuredOperation): StateBenchRow {
  const { skein, codex, goal, notes } = measured;
  const ratio = skein === null || codex === null ? null : codex.medianMs / skein.medianMs;
  return { ...measured, ratio, verdict: notes.length > 0 ? null : judge(goal, skein, ratio) };
}

function judge(goal: Goal | null, skein: SideFigures | null, ratio: number | null): "ok" | "missed" | null {
  if (goal === null || skein === null) return null;
  if ("cpuMsMax" in goal) return skein.cpuMs === null ? null : skein.cpuMs <= goal.cpuMsMax ? "ok" : "missed";
  return ratio === null ? null : ratio >= goal.ratioMin ? "ok" : "missed";
}

const NAME_WIDTH = 52;
const TITLES = ["Skein ms", "first", "CPU", "peer ms", "first", "CPU", "ratio", "goal", ""];
const WIDTHS = [10, 9, 8, 10, 9, 9, 8, 13, 8];

function lineOf(cells: readonly string[]): string {
  return cells.map((cell, index) => cell.padStart(WIDTHS[index] ?? 0)).join("");
}

/** The table's first line. */
export function tableHead(): string {
  return `${"operation".padEnd(NAME_WIDTH)}${lineOf(TITLES)}`;
}

/** The row's line, and what there is to say of it below. */
export function tableLine({ name, skein, codex, ratio, goal, verdict, notes }: StateBenchRow): string {
  const cells = [...sideCells(skein), ...sideCells(codex), ratio === null ? "-" : ratio.toFixed(1), goalText(goal)];
  const line = `${name.padEnd(NAME_WIDTH)}${lineOf([...cells, verdict ?? ""])}`;
  return [line, ...[...processNotes(skein, codex), ...notes].map((note) => `    ${note}`)].join("\n");
}

function processNotes(skein: SideFigures | null, codex: SideFigures | null): readonly string[] {
  if (skein === null || skein.peakMb === null) return [];
  const load = skein.loadMs === null ? "" : `; Skein's modules were loaded after ${msText(skein.loadMs)} ms`;
  const peer = codex === null || codex.peakMb === null ? "" : `, the peer ${msText(codex.peakMb)} MB`;
  return [`peak memory: Skein ${msText(skein.peakMb)} MB${peer}${load}`];
}

function sideCells(side: SideFigures | null): readonly string[] {
  return [msText(side?.medianMs), msText(side?.firstMs), msText(side?.cpuMs)];
}

function goalText(goal: Goal | null): string {
  if (goal === null) return "-";
  return "ratioMin" in goal ? `${goal.ratioMin} times` : `CPU ${goal.cpuMsMax} ms`;
}

function msText(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return "-";
  return ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : ms.toFixed(0);
}
