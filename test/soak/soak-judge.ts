/**
 * The judgement over a soak's numbers, pure. Counts are held to what they were before the work, exactly; memory is
 * only judged where a run is long enough to have a last half: it may not climb, by slope or between two windows.
 */
import type { Gauges } from "./soak-gauges.ts";

/** One look while the work goes on. */
export interface SoakSample extends Gauges {
  /** Minutes since the work began. */
  readonly minute: number;
  readonly deeds: number;
  readonly threads: number;
  readonly feeds: number;
}

/** What one number was held to. */
export interface SoakVerdict {
  readonly what: string;
  readonly isKept: boolean;
  readonly figure: string;
  readonly bound: string;
}

/** The looks of a soak. */
export interface SoakLooks {
  /** Before the world was opened, but after one was opened and closed. */
  readonly before: Gauges;
  /** The world is open, and nothing was done. */
  readonly base: Gauges;
  readonly samples: readonly SoakSample[];
  /** The work is over, feeds are closed, idle threads were unloaded. */
  readonly quiet: Gauges;
  /** The world is closed. */
  readonly closed: Gauges;
}

/** Logs grow all the time, and what stays loaded knows where their turns begin; a leak of turns is many times that. */
const HEAP_SLOPE_MB_MAX = 1;
const HEAP_CHANGE_MAX = 0.05;
const RSS_CHANGE_MAX = 0.1;
/** A shorter run, or one with fewer looks, has no last half to speak of: what is warmed up climbs. */
const MINUTES_MIN = 2;
const SAMPLES_MIN = 12;

/** Judges counts always, memory where the run was long enough. */
export function judgeSoak(looks: SoakLooks): readonly SoakVerdict[] {
  const { samples } = looks;
  const isLong = samples.length >= SAMPLES_MIN && (samples.at(-1)?.minute ?? 0) >= MINUTES_MIN;
  return [...judgeCounts(looks), ...(isLong ? judgeMemory(samples) : [])];
}

function judgeCounts({ before, base, quiet, closed }: SoakLooks): readonly SoakVerdict[] {
  return [...judgeQuiet(quiet, base), ...judgeClosed(closed, before)];
}

/** What is counted when the work is over, beside what it was before it began. */
export function judgeQuiet(quiet: Gauges, base: Gauges): readonly SoakVerdict[] {
  return [
    atMost("loaded threads, quiet", quiet.loaded, 0),
    atMost("handles not collected, quiet", quiet.handles, 0),
    atMost("listeners of the store, quiet", quiet.storeListeners, base.storeListeners),
    atMost("timers, quiet", quiet.timers, base.timers),
    atMost("listeners of a shared signal, quiet", quiet.signalListeners, 0),
    atMost("open descriptors, quiet", quiet.descriptors ?? 0, base.descriptors ?? 0),
  ];
}

/** What is counted when all is closed, beside what it was before anything was opened. */
export function judgeClosed(closed: Gauges, before: Gauges): readonly SoakVerdict[] {
  return [
    atMost("listeners of the store, closed", closed.storeListeners, 0),
    atMost("timers, closed", closed.timers, 0),
    atMost("open descriptors, closed", closed.descriptors ?? 0, before.descriptors ?? 0),
    atMost("listeners of the process, closed", closed.processListeners, before.processListeners),
    atMost("what keeps the process busy, closed", closed.resources, before.resources),
  ];
}

function atMost(what: string, figure: number, bound: number): SoakVerdict {
  return { what, isKept: figure <= bound, figure: String(figure), bound: `at most ${bound}` };
}

function judgeMemory(samples: readonly SoakSample[]): readonly SoakVerdict[] {
  const half = samples.slice(Math.floor(samples.length / 2));
  const slope = slopeOf(half.map(({ minute, heapMb }) => [minute, heapMb]));
  const heap = changeOf(half.map(({ heapMb }) => heapMb));
  const rss = changeOf(half.map(({ rssMb }) => rssMb));
  return [
    {
      what: "heap, last half",
      isKept: slope < HEAP_SLOPE_MB_MAX || heap < HEAP_CHANGE_MAX,
      figure: `${slope.toFixed(2)} MiB a minute, ${percent(heap)} from its third to its last quarter`,
      bound: `below ${HEAP_SLOPE_MB_MAX} MiB a minute, or below ${percent(HEAP_CHANGE_MAX)}`,
    },
    {
      what: "resident memory, last half",
      isKept: rss < RSS_CHANGE_MAX,
      figure: `${percent(rss)} from its third to its last quarter`,
      bound: `below ${percent(RSS_CHANGE_MAX)}`,
    },
  ];
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** Slope of the least squares through these points. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const meanOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [meanX, meanY] = [meanOf(points.map(([x]) => x)), meanOf(points.map(([, y]) => y))];
  const over = points.reduce((sum, [x, y]) => sum + (x - meanX) * (y - meanY), 0);
  const under = points.reduce((sum, [x]) => sum + (x - meanX) ** 2, 0);
  return under === 0 ? 0 : over / under;
}

/** By how much the median of the later half is above that of the earlier one, as a share of it. */
export function changeOf(values: readonly number[]): number {
  const middle = Math.floor(values.length / 2);
  const [earlier, later] = [medianOf(values.slice(0, middle)), medianOf(values.slice(middle))];
  return earlier === 0 ? 0 : later / earlier - 1;
}

function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1] ?? 0, sorted[middle] ?? 0];
  return (low + high) / 2;
}
