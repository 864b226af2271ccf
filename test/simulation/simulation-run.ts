/**
 * One simulated run: two processes over one home on a simulated disk, a plan of steps, and an end in which all
 * faults stop, everything must settle, and the disk and the rows are held against what was acknowledged.
 * The same seed gives the same run, event for event; its trace is hashed, so that two can be compared.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";

import type { Logger } from "../../src/base/index.ts";
import { rebuildStateDbWith } from "../../src/projections/index.ts";
import { STATE_DB_FILE_NAME } from "../../src/projections/state-db-file.ts";
import {
  createSeededRandom,
  createSeededScheduler,
  createSimulatedDisk,
  type PowerCut,
  type ScheduledProcess,
  type SeededRandom,
  type SimulatedDisk,
} from "../../src/testing/simulation/index.ts";
import { Acknowledgements, BrokenInvariant } from "./acknowledgements.ts";
import { acknowledgingStore } from "./acknowledging-store.ts";
import { proveDead } from "./dead-owners.ts";
import { checkDisk } from "./disk-checks.ts";
import { countConnections } from "./driver-connections.ts";
import { explainsCode } from "./explained-codes.ts";
import { checkRows } from "./row-checks.ts";
import { makeSimulationHome, type SimulationHome } from "./simulation-home.ts";
import type { SimulationOptions, SimulationReport } from "./simulation-report.ts";
import { createTurnWriter, type TurnWriter } from "./scripted-turns.ts";
import { SimulatedRuntime } from "./simulated-runtime.ts";
import { type OpenCall, SimulationCalls } from "./simulation-calls.ts";
import type { PlannedStep, SimulationPlan } from "./simulation-plan.ts";
import type { ToldRecord } from "./followed-feed.ts";
import { operate } from "./thread-operations.ts";

/** Simulated milliseconds in which everything must have settled once nothing is injected any more. */
const SETTLE_MS = 240_000;
const CLOSE_MS = 20_000;
/** How long a heartbeat must stand still before a thread is taken over. */
const OWNER_TTL_MS = 10_000;

/** Runs a plan. Never rejects for what the product does: what does not hold is in the report. */
export async function runSimulation(plan: SimulationPlan, options: SimulationOptions = {}): Promise<SimulationReport> {
  const home = await makeSimulationHome();
  const run = new SimulationRun(plan, options, home);
  try {
    await run.play();
  } catch (error) {
    run.broken(error);
  } finally {
    run.end();
  }
  return run.report();
}

class SimulationRun {
  readonly #plan: SimulationPlan;
  readonly #options: SimulationOptions;
  readonly #random: SeededRandom;
  readonly #scheduler = createSeededScheduler();
  readonly #director: ScheduledProcess;
  readonly #disk: SimulatedDisk;
  readonly #home: SimulationHome;
  readonly #truth = new Acknowledgements((failure) => this.broken(failure));
  readonly #calls: SimulationCalls;
  readonly #writer: TurnWriter;
  readonly #processes: SimulatedRuntime[] = [];
  readonly #threadIds: string[] = [];
  #told: ToldRecord[] = [];
  readonly #hash = createHash("sha256");
  readonly #counts = {
    steps: new Map<string, number>(),
    faults: new Map<string, number>(),
    states: new Map<string, number>(),
  };
  #started = 0;
  #broken: SimulationReport["broken"] = null;

  constructor(plan: SimulationPlan, options: SimulationOptions, home: SimulationHome) {
    this.#plan = plan;
    this.#options = options;
    this.#random = createSeededRandom(plan.seed).split("run");
    this.#director = this.#scheduler.openProcess("director");
    this.#disk = createSimulatedDisk({ random: this.#random.split("disk"), nowMs: () => this.#director.clock.nowMs() });
    this.#writer = createTurnWriter(this.#random.split("turns"));
    this.#home = home;
    this.#disk.prepareFolder(home.path);
    this.#calls = new SimulationCalls({
      nowMs: () => this.#scheduler.nowMs,
      trace: (line) => this.#trace(line),
      broken: (failure) => this.broken(failure),
      explains: (code, process) =>
        explainsCode(code, {
          happened: { ...Object.fromEntries(this.#counts.steps), ...this.#faultCounts() },
          isClosing: process.isClosing,
        }),
    });
    countConnections(() => this.#processes.find(({ parts }) => parts.scheduled === this.#scheduler.current));
  }

  /** The steps, and the end. */
  async play(): Promise<void> {
    this.#disk.setFaults(this.#plan.faults);
    for (const at of [0, 1] as const) this.#start(at, 0);
    for (const step of this.#plan.steps) {
      this.#director.plan({ delayMs: step.atMs }, () => this.#step(step));
    }
    const lastMs = this.#plan.steps.at(-1)?.atMs ?? 0;
    await this.#scheduler.runUntil(() => this.#broken !== null, lastMs + 1_000);
    if (this.#broken === null) await this.#finish();
  }

  broken(error: unknown): void {
    if (this.#broken !== null) return;
    const invariant = error instanceof BrokenInvariant ? error.invariant : "sim.no-bug";
    const message =
      error instanceof BrokenInvariant ? error.message : error instanceof Error ? (error.stack ?? "") : String(error);
    this.#broken = { invariant, message };
    this.#trace(`broken ${invariant}`);
  }

  end(): void {
    for (const process of this.#processes) process.kill();
    this.#home.remove();
  }

  report(): SimulationReport {
    return {
      seed: this.#plan.seed,
      traceHash: this.#hash.digest("hex"),
      events: this.#scheduler.events,
      simulatedMs: Math.round(this.#scheduler.nowMs),
      acknowledged: this.#truth.count,
      steps: Object.fromEntries(this.#counts.steps),
      faults: this.#faultCounts(),
      states: Object.fromEntries(this.#counts.states),
      answers: Object.fromEntries(this.#calls.answers),
      broken: this.#broken,
    };
  }

  #trace(line: string): void {
    const text = `${this.#scheduler.nowMs.toFixed(3)} ${line}`;
    this.#hash.update(`${text}\n`);
    this.#options.onTrace?.(text);
  }

  #faultCounts(): Record<string, number> {
    return { ...this.#disk.faultCounts, ...Object.fromEntries(this.#counts.faults) };
  }

  #count(of: "steps" | "faults" | "states", name: string): void {
    const counts = this.#counts[of];
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }

  /** Starts a process in this place, later. */
  #start(at: 0 | 1, delayMs: number): void {
    this.#started += 1;
    const name = `p${this.#started}`;
    const scheduled = this.#scheduler.openProcess(name);
    const files = this.#disk.view(scheduled);
    const process = new SimulatedRuntime({
      home: this.#home.path,
      scheduled,
      files: this.#options.wrapDisk?.(files) ?? files,
      durability: this.#plan.durability,
      random: this.#random.split(name),
      writer: this.#writer,
      logger: this.#logger(name),
      wrapStore: (store) => acknowledgingStore(this.#options.wrapStore?.(store) ?? store, this.#truth, name),
      onState: (threadId, state) => {
        this.#count("states", state);
        this.#trace(`${name} ${threadId} is ${state}`);
      },
    });
    this.#processes[at] = process;
    this.#director.plan({ delayMs }, () => {
      this.#calls.make("open", process, () => this.#open(at, process));
    });
  }

  /** Opens a process; one that can't open begins anew, as a program that is started again. */
  async #open(at: 0 | 1, process: SimulatedRuntime): Promise<void> {
    try {
      await process.open();
    } catch (error) {
      this.#director.plan({ delayMs: 1_000 }, () => this.#replace(at, process, 0));
      throw error;
    }
  }

  /** What is logged is no part of a run, but a bug that was caught is told there. */
  #logger(name: string): Logger {
    const nothing = (): void => undefined;
    const error = (fields: object, message: string): void => {
      // The folder is another in each run.
      const cause = String(Reflect.get(fields, "error")).replaceAll(this.#home.path, "");
      this.#options.onTrace?.(`${name} logged: ${message} ${cause}`);
      if (/\bbug\b/.test(message)) this.broken(new BrokenInvariant("sim.no-bug", `${message}: ${cause}`));
    };
    const warn = (_fields: object, message: string): void => {
      if (message.startsWith("took a thread over")) this.#count("faults", "takeover");
    };
    return { debug: nothing, info: nothing, warn, error };
  }

  async #step(step: PlannedStep): Promise<void> {
    const process = this.#processes[step.process];
    if (process === undefined) return;
    this.#count("steps", step.kind);
    this.#trace(`step ${step.index} ${process.name} ${step.kind}`);
    // What a later power cut may go back to: SQLite doesn't sync each transaction.
    if (step.choice % 16 === 0) this.#home.keepStateDb();
    switch (step.kind) {
      case "kill":
        this.#kill(step.process, step.choice);
        return;
      case "powerCut":
        await this.#cutPower(step.choice);
        return;
      case "stop":
        this.#stop(step.process, step.choice);
        return;
      case "wallJump":
        this.#count("faults", "wallJump");
        process.parts.scheduled.jumpWall((step.choice % 7_200_000) - 3_600_000);
        return;
      case "diskFull":
        this.#count("faults", "diskFull");
        this.#disk.setFull(true);
        this.#director.plan({ delayMs: step.choice % 4_000 }, () => this.#disk.setFull(false));
        return;
      case "shutdown":
        if (process.runtime === null) return;
        this.#calls.make("shutdown", process, async () => {
          await process.close(step.choice % 2 === 0 ? CLOSE_MS : step.choice % 2_000);
          this.#director.plan({ delayMs: 1 }, () => this.#replace(step.process, process, step.choice));
        });
        return;
      case "rebuild":
        this.#calls.make("rebuild", process, () => rebuildStateDbWith(process.stateDbOptions(), process.pool));
        return;
      default: {
        const { kind, choice } = step;
        const { runtime } = process;
        if (runtime === null) return;
        const context = {
          process,
          runtime,
          writer: this.#writer,
          threadIds: this.#threadIds,
          storedIds: this.#truth.stored(),
          told: (record: ToldRecord) => this.#tell(process, record),
          handedOut: (threadId: string, turnId: string) => this.#truth.handedOut(threadId, turnId),
        };
        this.#calls.make(`${step.index} ${kind}`, process, () => operate(kind, context, choice));
      }
    }
  }

  #tell(process: SimulatedRuntime, record: ToldRecord): void {
    this.#told.push(record);
    this.#trace(`${process.name} told ${record.threadId} ${record.ordinal}`);
  }

  /** A process that ended in order makes room for another. */
  #replace(at: 0 | 1, process: SimulatedRuntime, choice: number): void {
    if (this.#processes[at] !== process || process.parts.scheduled.isKilled) return;
    process.kill();
    this.#truth.processGone(process.name);
    this.#start(at, choice % 3_000);
  }

  #kill(at: 0 | 1, choice: number): void {
    const process = this.#processes[at];
    if (process === undefined || process.parts.scheduled.isKilled) return;
    this.#count("faults", "kill");
    process.kill();
    this.#truth.processGone(process.name);
    // Either the kernel can prove that it is gone, or its heartbeat has to stand still for long enough.
    if (choice % 2 === 0) proveDead(join(this.#home.path, STATE_DB_FILE_NAME), process.ownerIds);
    this.#start(at, choice % 12_000);
  }

  /**
   * Stops a process, and lets it go on later. Half of the time while it writes to a thread that the other process
   * wants: first in vain, and then once the heartbeat has stood still for long enough.
   */
  #stop(at: 0 | 1, choice: number): void {
    const process = this.#processes[at];
    if (process === undefined || process.parts.scheduled.isStopped) return;
    this.#count("faults", "stop");
    const threadId = choice % 2 === 0 ? process.runtime?.listLoaded().at(-1) : undefined;
    if (threadId !== undefined) {
      this.#turnIn(at, threadId);
      for (const delayMs of [50, OWNER_TTL_MS + 500, OWNER_TTL_MS + 1_000]) {
        this.#director.plan({ delayMs }, () => this.#turnIn(at === 0 ? 1 : 0, threadId));
      }
    }
    const stopMs = threadId === undefined ? choice % 25_000 : OWNER_TTL_MS + 550 + (choice % 1_000);
    this.#director.plan({ delayMs: threadId === undefined ? 0 : (choice % 40) / 10 }, () => {
      process.parts.scheduled.stop();
      this.#director.plan({ delayMs: stopMs }, () => process.parts.scheduled.resume());
    });
  }

  #turnIn(at: 0 | 1, threadId: string): void {
    const process = this.#processes[at];
    const runtime = process?.runtime;
    if (process === undefined || runtime === null || runtime === undefined) return;
    this.#calls.make("turn", process, async () => {
      const thread = runtime.thread(threadId) ?? (await runtime.resumeThread(threadId));
      return (await thread.startTurn(this.#writer.text())).turnId;
    });
  }

  async #cutPower(choice: number): Promise<void> {
    this.#count("faults", "powerCut");
    for (const process of this.#processes) {
      process.kill();
      this.#truth.processGone(process.name);
    }
    if (choice % 3 === 0) {
      this.#count("faults", "oldStateDb");
      this.#home.restoreStateDb();
    }
    const cut = this.#disk.powerCut();
    this.#trace(`cut ${cut.cutFiles.length} ${cut.lostNames} ${cut.filesWithZeros}`);
    if (cut.cutFiles.length > 0) this.#count("faults", "lostBytes");
    if (cut.lostNames > 0) this.#count("faults", "lostNames");
    if (cut.filesWithZeros > 0) this.#count("faults", "zeros");
    if (cut.liedFiles.length > 0 || cut.liedAboutNames) this.#count("faults", "lostByLie");
    await this.#check(cut);
    for (const at of [0, 1] as const) this.#start(at, (choice >>> (8 * at)) % 3_000);
  }

  async #check(cut: PowerCut | null): Promise<void> {
    const at = { home: this.#home.path, files: this.#disk.direct(), truth: this.#truth };
    if (cut === null) {
      await checkDisk(at);
      return;
    }
    const isOs = this.#plan.durability === "os";
    const lied = (about: string): boolean => cut.liedFiles.some((path) => path.includes(about));
    const lengths = await checkDisk(at, {
      thread: (threadId) => isOs || cut.liedAboutNames || lied(threadId),
      places: isOs || cut.liedAboutNames,
      names: cut.liedAboutNames || lied("session_index"),
    });
    // A log may be read before it is durable, where its writer died before it was: what is gone binds nobody.
    this.#told = this.#told.filter(({ threadId, ordinal }) => ordinal < (lengths.get(threadId) ?? 0));
  }

  /** All faults end, everything settles, and what there is is looked at. */
  async #finish(): Promise<void> {
    this.#disk.setFaults({});
    this.#disk.setFull(false);
    for (const { parts } of this.#processes) parts.scheduled.resume();
    // Followers read on until their runtime is closed; everything else is answered without that.
    await this.#settle(({ name }) => !name.endsWith("follow"));
    if (this.#broken !== null) return;
    for (const process of this.#processes) this.#calls.make("close", process, () => process.close(CLOSE_MS));
    await this.#settle(() => true);
    if (this.#broken !== null) return;
    for (const process of this.#processes) process.kill();
    await this.#check(null);
    const last = await this.#openLast();
    await checkRows({ process: last, scheduler: this.#scheduler, truth: this.#truth, told: this.#told });
    await this.#check(null);
  }

  /** Lets these calls be answered. */
  async #settle(isMeant: (call: OpenCall) => boolean): Promise<void> {
    const open = (): readonly OpenCall[] => this.#calls.open.filter(isMeant);
    const isDone = (): boolean => this.#broken !== null || open().length === 0;
    if (await this.#scheduler.runUntil(isDone, this.#scheduler.nowMs + SETTLE_MS)) return;
    const calls = open().map(({ name, process, sinceMs }) => `${process.name} ${name} since ${sinceMs.toFixed(0)}`);
    throw new BrokenInvariant("sim.no-hang", `not answered after ${SETTLE_MS} simulated ms: ${calls.join(", ")}`);
  }

  /** One more process, on a disk that does what it is asked. */
  async #openLast(): Promise<SimulatedRuntime> {
    this.#start(0, 0);
    const process = this.#processes[0];
    if (process === undefined) throw new Error("there is no process");
    const untilMs = this.#scheduler.nowMs + SETTLE_MS;
    await this.#scheduler.runUntil(() => this.#broken !== null || process.runtime !== null, untilMs);
    return process;
  }
}
