/**
 * A soak: many threads, mixed work drawn from a seed, for minutes or for a number of deeds, beside a second process
 * that reads. It measures all the time, and in the end looks whether everything came back: counts, rows, files, and
 * each acknowledged turn. The seed says what is done; which of it meets what is up to the machine.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createSeededSource } from "../../bench/seeded-source.ts";
import { isSkeinError, sleep, systemClock } from "../../src/base/index.ts";
import type { Gauges } from "./soak-gauges.ts";
import { checkSoakedHome, type SoakChecked } from "./soak-checks.ts";
import { type FeedTotals, SoakFeeds } from "./soak-feeds.ts";
import { judgeClosed, judgeQuiet, judgeSoak, type SoakLooks, type SoakSample, type SoakVerdict } from "./soak-judge.ts";
import { SoakModel } from "./soak-model.ts";
import { type ReaderReport, SoakReader } from "./soak-reader.ts";
import { drawDeed, type SoakStage } from "./soak-work.ts";
import { openSoakWorld, type SoakWorld } from "./soak-world.ts";

/** How a soak is run. */
export interface SoakOptions {
  /** Threads that are there at once. */
  readonly threads: number;
  readonly seed: number;
  /** Ends by time, minutes; */
  readonly minutes?: number;
  /** or by deeds. */
  readonly deeds?: number;
  /** Milliseconds between two looks. Default 5,000. */
  readonly sampleMs?: number;
  /** Longest wait for what is let go in its own time (idle threads, workers), milliseconds. Default 30,000. */
  readonly settleMaxMs?: number;
  /** Told of each look. */
  readonly onSample?: (sample: SoakSample) => void;
  /** Done when the world is open: for leaks that are planted. */
  readonly onOpened?: (world: SoakWorld) => void | Promise<void>;
}

/** What came of it. */
export interface SoakReport {
  readonly seed: number;
  readonly minutes: number;
  /** Deeds by their name. */
  readonly work: Readonly<Record<string, number>>;
  /** Refusals by their code, each one that work beside it explains. */
  readonly refused: Readonly<Record<string, number>>;
  readonly feeds: FeedTotals;
  readonly reader: ReaderReport;
  readonly looks: SoakLooks;
  readonly verdicts: readonly SoakVerdict[];
  readonly checked: SoakChecked;
  /** What work or the second process found wrong; none in a good run. */
  readonly problems: readonly string[];
  /** The home, where something is wrong with it; else it is removed. */
  readonly home: string | null;
}

/** Deeds at once. */
const LANES = 12;
const FEEDS_MAX = 60;
const PROBLEMS_MAX = 50;
const SETTLE_MAX_MS = 30_000;
/** What an opening began, a worker that is idle soon, ends within this. */
const BASE_MS = 3_000;
const LOOK_AGAIN_MS = 500;
/** Refusals that a deed meets where a thread is unloaded, or a turn ends, under it. */
const EXPECTED: ReadonlySet<string> = new Set([
  "thread_closed",
  "thread_not_loaded",
  "no_turn_running",
  "turn_mismatch",
]);

/** Runs a soak in a home of its own. */
export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const home = mkdtempSync(join(tmpdir(), "skein-soak-"));
  const report = await new Soak(options, home).run();
  const { problems, checked } = report;
  if (problems.length + checked.problems.length > 0) return report;
  rmSync(home, { recursive: true, force: true });
  return { ...report, home: null };
}

class Soak {
  readonly #options: SoakOptions;
  readonly #home: string;
  readonly #model = new SoakModel();
  readonly #problems: string[] = [];
  readonly #work: Record<string, number> = {};
  readonly #refused: Record<string, number> = {};
  readonly #samples: SoakSample[] = [];
  #deeds = 0;
  #begunMs = 0;
  #isOver = false;

  constructor(options: SoakOptions, home: string) {
    this.#options = options;
    this.#home = home;
  }

  async run(): Promise<SoakReport> {
    // What is only loaded once is there before the first look.
    const rehearsal = mkdtempSync(join(tmpdir(), "skein-soak-"));
    const first = await openSoakWorld(rehearsal);
    await new SoakReader(rehearsal).end();
    await first.close();
    const before = await first.gauges();
    rmSync(rehearsal, { recursive: true, force: true });
    const world = await openSoakWorld(this.#home);
    await sleep(systemClock, BASE_MS);
    const base = await world.gauges();
    await this.#options.onOpened?.(world);
    const feeds = this.#feedsOf(world);
    const reader = new SoakReader(this.#home);
    try {
      await this.#soak(world, feeds);
      const read = await reader.end();
      await feeds.close();
      this.#problems.push(...feeds.problems);
      const quiet = await this.#settled(world, (gauges) => judgeQuiet(gauges, base));
      await world.close();
      const closed = await this.#settled(world, (gauges) => judgeClosed(gauges, before));
      const looks = { before, base, samples: this.#samples, quiet, closed };
      const checked = await checkSoakedHome(this.#home, this.#model);
      return this.#report({ looks, read, feeds, checked });
    } finally {
      await reader.kill();
    }
  }

  #feedsOf({ runtime, checkpoints, clock, ending }: SoakWorld): SoakFeeds {
    const { random } = createSeededSource(this.#options.seed ^ 0x5eed);
    return new SoakFeeds({ runtime, checkpoints, clock, random, signal: ending.signal, openMax: FEEDS_MAX });
  }

  async #soak(world: SoakWorld, feeds: SoakFeeds): Promise<void> {
    this.#begunMs = systemClock.monotonicMs();
    const lanes = Array.from({ length: LANES }, (_, lane) => this.#lane(world, feeds, lane));
    const measuring = this.#measure(world, feeds);
    try {
      await Promise.all(lanes);
    } finally {
      this.#isOver = true;
      await measuring;
    }
  }

  #minutes(): number {
    return (systemClock.monotonicMs() - this.#begunMs) / 60_000;
  }

  #isDue(): boolean {
    const { minutes = Number.POSITIVE_INFINITY, deeds = Number.POSITIVE_INFINITY } = this.#options;
    return this.#minutes() >= minutes || this.#deeds >= deeds || this.#problems.length >= PROBLEMS_MAX;
  }

  async #lane({ runtime, clock, handles }: SoakWorld, feeds: SoakFeeds, lane: number): Promise<void> {
    const { seed, threads } = this.#options;
    const { random } = createSeededSource(seed * LANES + lane);
    const problems = this.#problems;
    const stage: SoakStage = { runtime, clock, handles, feeds, random, problems, model: this.#model };
    while (!this.#isDue()) {
      const planned = drawDeed(stage, threads);
      this.#deeds += 1;
      if (planned === undefined) continue;
      try {
        await planned.run();
        this.#work[planned.name] = (this.#work[planned.name] ?? 0) + 1;
      } catch (error) {
        if (isSkeinError(error) && EXPECTED.has(error.code)) {
          this.#refused[error.code] = (this.#refused[error.code] ?? 0) + 1;
        } else
          problems.push(`${planned.name}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
      }
    }
  }

  async #measure(world: SoakWorld, feeds: SoakFeeds): Promise<void> {
    const { sampleMs = 5_000, onSample } = this.#options;
    for (let dueMs = this.#begunMs + sampleMs; !this.#isOver;) {
      await sleep(systemClock, Math.min(sampleMs, 250));
      if (systemClock.monotonicMs() < dueMs) continue;
      dueMs += sampleMs;
      const gauges = await world.gauges();
      const now = { minute: this.#minutes(), deeds: this.#deeds, threads: this.#model.size, feeds: feeds.open };
      const sample = { ...gauges, ...now };
      this.#samples.push(sample);
      onSample?.(sample);
    }
  }

  /** Looks until all is as it should be, or for as long as that may take. */
  async #settled(world: SoakWorld, judge: (gauges: Gauges) => readonly SoakVerdict[]): Promise<Gauges> {
    const dueMs = systemClock.monotonicMs() + (this.#options.settleMaxMs ?? SETTLE_MAX_MS);
    for (;;) {
      const gauges = await world.gauges();
      if (systemClock.monotonicMs() >= dueMs || judge(gauges).every((verdict) => verdict.isKept)) return gauges;
      await sleep(systemClock, LOOK_AGAIN_MS);
    }
  }

  #report(found: {
    readonly looks: SoakLooks;
    readonly read: ReaderReport;
    readonly feeds: SoakFeeds;
    readonly checked: SoakChecked;
  }): SoakReport {
    const { looks, read, feeds, checked } = found;
    return {
      seed: this.#options.seed,
      minutes: looks.samples.at(-1)?.minute ?? this.#minutes(),
      work: this.#work,
      refused: this.#refused,
      feeds: feeds.totals,
      reader: read,
      looks,
      verdicts: judgeSoak(looks),
      checked,
      problems: [...this.#problems, ...read.problems.map((problem) => `second process: ${problem}`)],
      home: this.#home,
    };
  }
}
