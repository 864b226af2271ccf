/**
 * The scheduler of a simulation: everything that happens is an event at a simulated time, and the next one
 * happens once all that the one before set off has had its say. So what interleaves with what follows from
 * the delays that were drawn, and a seed replays a run exactly. Nothing here waits for real time.
 *
 * Events belong to a process. All processes share one monotonic time; each has its own wall clock, can be
 * stopped (its events wait, as behind a SIGSTOP, while time goes on) and can be killed (they never happen).
 */
import type { Clock, Timer } from "../../base/index.ts";

/** How an event is planned. */
export interface EventOptions {
  /** From now, simulated milliseconds; 0 or more, fractions count. */
  readonly delayMs: number;
  /** Said instead of the event when its process is killed before. */
  readonly onDropped?: () => void;
}

/** One process's share of a simulation. */
export interface ScheduledProcess {
  readonly name: string;
  readonly isStopped: boolean;
  readonly isKilled: boolean;
  /** The process's time: monotonic as everybody's, wall time its own. */
  readonly clock: Clock;
  /** Plans an event. A promise that it returns is waited for before the next event, so it must not need one. */
  plan(options: EventOptions, run: () => void | Promise<void>): Timer;
  /** Its events wait until `resume`; time goes on. */
  stop(): void;
  /** What waited happens now, in the order of its times. */
  resume(): void;
  /** None of its events happens any more. For good. */
  kill(): void;
  /** Moves the process's wall clock alone, forwards or backwards. */
  jumpWall(ms: number): void;
}

/** See the file's head. */
export interface SeededScheduler {
  /** Simulated milliseconds since the start. */
  readonly nowMs: number;
  /** Events that have happened. */
  readonly events: number;
  /** Whose event happens, or happened last; null before the first. */
  readonly current: ScheduledProcess | null;
  openProcess(name: string): ScheduledProcess;
  /** Lets the next event happen, and all it sets off; false when none is planned before `untilMs` (then it is that time). */
  step(untilMs?: number): Promise<boolean>;
  /** Lets events happen until `isDone` says so or `untilMs` is reached; whether it was done. */
  runUntil(isDone: () => boolean, untilMs: number): Promise<boolean>;
}

/** How a scheduler begins. */
export interface SeededSchedulerOptions {
  /** Wall time of all processes at the start, milliseconds since the epoch. Default 2026-01-02T03:04:05.000Z. */
  readonly startMs?: number;
}

interface PlannedEvent {
  atMs: number;
  order: number;
  readonly process: SimulatedProcess;
  readonly run: () => void | Promise<void>;
  readonly onDropped: (() => void) | undefined;
  isCancelled: boolean;
}

const DEFAULT_START_MS = 1_767_323_045_000;

/** Makes a scheduler without processes. */
export function createSeededScheduler(options: SeededSchedulerOptions = {}): SeededScheduler {
  return new EventScheduler(options.startMs ?? DEFAULT_START_MS);
}

class EventScheduler implements SeededScheduler {
  nowMs = 0;
  events = 0;
  current: ScheduledProcess | null = null;
  readonly #startMs: number;
  readonly #queue = new EventQueue();
  #planned = 0;

  constructor(startMs: number) {
    this.#startMs = startMs;
  }

  openProcess(name: string): ScheduledProcess {
    return new SimulatedProcess(name, this.#startMs, {
      nowMs: () => this.nowMs,
      plan: (event) => this.#plan({ ...event, order: 0 }),
      planAgain: (event) => void this.#plan(Object.assign(event, { atMs: this.nowMs })),
    });
  }

  async step(untilMs: number = Number.POSITIVE_INFINITY): Promise<boolean> {
    let hasSettled = false;
    for (;;) {
      const event = this.#queue.first();
      if (event === undefined || event.atMs > untilMs) {
        if (!hasSettled) {
          // What was called just now, outside of an event, may be about to plan one.
          hasSettled = true;
          await settled();
          continue;
        }
        if (Number.isFinite(untilMs)) this.nowMs = Math.max(this.nowMs, untilMs);
        return false;
      }
      this.#queue.takeFirst();
      this.nowMs = Math.max(this.nowMs, event.atMs);
      if (event.isCancelled || event.process.isKilled) continue;
      if (event.process.isStopped) {
        event.process.hold(event);
        continue;
      }
      this.current = event.process;
      this.events += 1;
      await event.run();
      await settled();
      return true;
    }
  }

  async runUntil(isDone: () => boolean, untilMs: number): Promise<boolean> {
    while (!isDone()) if (!(await this.step(untilMs))) return isDone();
    return true;
  }

  #plan(event: PlannedEvent): PlannedEvent {
    this.#planned += 1;
    event.order = this.#planned;
    this.#queue.add(event);
    return event;
  }
}

/** What a process needs of its scheduler. */
interface ProcessHost {
  nowMs(): number;
  plan(event: Omit<PlannedEvent, "order">): PlannedEvent;
  /** Now, an event whose time came while its process was stopped. */
  planAgain(event: PlannedEvent): void;
}

class SimulatedProcess implements ScheduledProcess {
  readonly name: string;
  readonly clock: Clock;
  isStopped = false;
  isKilled = false;
  readonly #host: ProcessHost;
  readonly #open = new Set<PlannedEvent>();
  #held: PlannedEvent[] = [];
  #wallOffsetMs: number;

  constructor(name: string, startMs: number, host: ProcessHost) {
    this.name = name;
    this.#host = host;
    this.#wallOffsetMs = startMs;
    this.clock = {
      // Wall time comes in whole milliseconds, as the machine's.
      nowMs: () => Math.floor(this.#wallOffsetMs + host.nowMs()),
      monotonicMs: () => host.nowMs(),
      setTimer: (delayMs, run) => this.plan({ delayMs }, run),
    };
  }

  plan({ delayMs, onDropped }: EventOptions, run: () => void | Promise<void>): Timer {
    if (this.isKilled) return { cancel: () => undefined };
    const event = this.#host.plan({
      atMs: this.#host.nowMs() + Math.max(0, delayMs),
      process: this,
      isCancelled: false,
      onDropped,
      run: () => {
        this.#open.delete(event);
        return run();
      },
    });
    this.#open.add(event);
    return {
      cancel: () => {
        event.isCancelled = true;
        this.#open.delete(event);
      },
    };
  }

  stop(): void {
    this.isStopped = true;
  }

  resume(): void {
    if (!this.isStopped) return;
    this.isStopped = false;
    const held = this.#held;
    this.#held = [];
    for (const event of held) if (!event.isCancelled) this.#host.planAgain(event);
  }

  kill(): void {
    if (this.isKilled) return;
    this.isKilled = true;
    const open = [...this.#open];
    this.#open.clear();
    this.#held = [];
    for (const event of open) event.onDropped?.();
  }

  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms;
  }

  /** The event's time came while the process was stopped. */
  hold(event: PlannedEvent): void {
    this.#held.push(event);
  }
}

/** A binary heap of events by their times; what was planned first comes first. */
class EventQueue {
  readonly #heap: PlannedEvent[] = [];

  first(): PlannedEvent | undefined {
    return this.#heap[0];
  }

  add(event: PlannedEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above];
      if (parent === undefined || isBefore(parent, event)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  }

  takeFirst(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      const [left, right] = [heap[2 * at + 1], heap[2 * at + 2]];
      const isRight = left !== undefined && right !== undefined && isBefore(right, left);
      const least = isRight ? right : left;
      if (least === undefined || isBefore(last, least)) break;
      heap[at] = least;
      at = 2 * at + (isRight ? 2 : 1);
    }
    heap[at] = last;
  }
}

function isBefore(a: PlannedEvent, b: PlannedEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Resolves when promises, ticks and immediates that were due have run. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
