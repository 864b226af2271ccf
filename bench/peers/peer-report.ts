/**
 * What the bench against other stores found: a line a scenario with a column a side, Skein's against the best of the
 * others, and whether the goal was reached where there is one.
 */
import { medianOf } from "../process-usage.ts";
import type { ScenarioFigures } from "./peer-rounds.ts";

/** One line of the table. */
export interface PeerRow {
  readonly name: string;
  readonly unit: "/s" | "ms" | "B" | "µs";
  /** By the side's name; null where it has no such way or was not measured. */
  readonly sides: Readonly<Record<string, number | null>>;
  /**
   * Skein against the best of the others: as many times as fast, or its share of their bytes or time. Of what has
   * rounds the median over the rounds, each against the others' same round: a noisy moment hits all of them.
   */
  readonly ratio: number | null;
  readonly goal: PeerGoal | null;
  readonly verdict: "ok" | "missed" | null;
  /** Each side's rounds, where there were any. */
  readonly rounds?: Readonly<Record<string, readonly number[]>>;
}

/** What is asked of the ratio. */
export type PeerGoal = { readonly ratioMin: number } | { readonly ratioMax: number };

/** A line before it is judged. */
export type MeasuredRow = Pick<PeerRow, "name" | "unit" | "sides" | "rounds"> & { readonly goal?: PeerGoal };

/** The side that is set against the others. */
const OURS = "Skein";

/** Adds the ratio and the judgement. */
export function judgedRow(row: MeasuredRow): PeerRow {
  const { sides, goal = null, unit, rounds } = row;
  const count = Math.max(0, ...Object.values(rounds ?? {}).map(({ length }) => length));
  const perRound = Array.from({ length: count }, (_, index) => {
    const inRound = Object.entries(rounds ?? {}).map(([name, all]) => [name, all[index] ?? null] as const);
    return ratioOf(Object.fromEntries(inRound), unit);
  }).filter((ratio) => ratio !== null);
  const ratio = perRound.length === 0 ? ratioOf(sides, unit) : medianOf(perRound);
  return { ...row, ratio, goal, verdict: goal === null || ratio === null ? null : verdictOf(goal, ratio) };
}

/** Against the best one. Other sides of ours, such as Skein over a wire, are no peers. */
function ratioOf(sides: PeerRow["sides"], unit: PeerRow["unit"]): number | null {
  const ours = sides[OURS] ?? null;
  const others = Object.entries(sides).filter(([name]) => !name.startsWith(OURS));
  const values = others.map(([, value]) => value).filter((value) => value !== null);
  if (ours === null || values.length === 0) return null;
  const best = unit === "/s" ? Math.max(...values) : Math.min(...values);
  return best === 0 ? null : ours / best;
}

function verdictOf(goal: PeerGoal, ratio: number): "ok" | "missed" {
  const isReached = "ratioMin" in goal ? ratio >= goal.ratioMin : ratio <= goal.ratioMax;
  return isReached ? "ok" : "missed";
}

/** The lines of a scenario: how many a second, and where it is asked for what each cost. */
export function scenarioRows(
  { name, goal, hasCosts }: { readonly name: string; readonly goal?: PeerGoal; readonly hasCosts: boolean },
  figures: ReadonlyMap<string, ScenarioFigures>,
): readonly PeerRow[] {
  const column = (of: (figures: ScenarioFigures) => number | null): Readonly<Record<string, number | null>> =>
    Object.fromEntries([...figures].map(([side, one]) => [side, of(one)]));
  const rounds = Object.fromEntries([...figures].map(([side, one]) => [side, one.rounds]));
  const perSecond = { name, unit: "/s" as const, sides: column((one) => one.perSecond), rounds };
  const rows: MeasuredRow[] = [goal === undefined ? perSecond : { ...perSecond, goal }];
  if (hasCosts) {
    rows.push({ name: "  CPU of the client, each", unit: "µs", sides: column((one) => one.clientCpuUs) });
    const isServed = [...figures.values()].some(({ serverCpuUs }) => serverCpuUs !== null);
    if (isServed) {
      rows.push({ name: "  CPU of the server, each", unit: "µs", sides: column((one) => one.serverCpuUs) });
      rows.push({ name: "  the server's log, each", unit: "B", sides: column((one) => one.walBytes) });
    }
  }
  return rows.map(judgedRow);
}

const NAME_WIDTH = 44;
const SIDE_WIDTH = 18;

/** The table's first line. */
export function tableHead(sides: readonly string[]): string {
  const titles = sides.map((side) => side.padStart(SIDE_WIDTH)).join("");
  return `${"".padEnd(NAME_WIDTH)}${titles}${"ratio".padStart(8)}  goal`;
}

/** The row's line. */
export function tableLine({ name, unit, sides, ratio, goal, verdict }: PeerRow, columns: readonly string[]): string {
  const cells = columns.map((side) => valueText(sides[side] ?? null, unit).padStart(SIDE_WIDTH)).join("");
  const ratioText = (ratio === null ? "-" : ratio.toFixed(2)).padStart(8);
  const goalText = goal === null ? "" : "ratioMin" in goal ? `≥ ${goal.ratioMin}` : `≤ ${goal.ratioMax}`;
  return `${name.padEnd(NAME_WIDTH)}${cells}${ratioText}  ${goalText} ${verdict ?? ""}`.trimEnd();
}

function valueText(value: number | null, unit: PeerRow["unit"]): string {
  if (value === null) return "-";
  const text = unit === "ms" && value < 100 ? value.toFixed(1) : Math.round(value).toLocaleString("en");
  return `${text} ${unit}`.replace(" /s", "/s");
}
