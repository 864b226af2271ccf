/**
 * What all threads of a manager share: the store, the agent, time, ids, and whom to tell. One object
 * for all of them, so that a loaded thread costs only what is its own.
 */
import type { Clock, IdSource, Logger, Timer } from "../base/index.ts";
import type { ThreadStore } from "../store/index.ts";
import type { Agent, TurnSettings } from "./agent.ts";
import type { IdleSweeper } from "./idle-sweeper.ts";
import type { ManagerEvent, Signal } from "./thread-handle.ts";

/** A clock in the shape XState takes. The timer's handle is what `setTimeout` gave. */
export interface MachineClock {
  setTimeout(run: () => void, delayMs: number): Timer | undefined;
  clearTimeout(timer: Timer | undefined): void;
}

/**
 * The machines' view of a clock. A delay of Infinity sets no timer. What a machine delays is a restart, and
 * callers may be waiting for what comes of it.
 */
export function machineClockOf(clock: Clock): MachineClock {
  return {
    setTimeout: (run, delayMs) =>
      Number.isFinite(delayMs) ? clock.setTimer(delayMs, run, { holdsProcess: true }) : undefined,
    clearTimeout: (timer) => timer?.cancel(),
  };
}

/** How a thread that failed is opened again. */
export interface RestartPolicy {
  /** Restarts before it stays failed. Default and bound: LIMITS.threadRestartsMax. */
  readonly attemptsMax: number;
  /** Milliseconds before the first restart; doubles each time. Default 200. */
  readonly backoffMs: number;
  /** Longest wait before a restart, milliseconds. Default 30 000. */
  readonly backoffMaxMs: number;
}

/** Why a thread was unloaded. */
export type UnloadReason = Extract<ManagerEvent, { readonly type: "thread_unloaded" }>["reason"];

export interface ThreadEnvironment {
  readonly store: ThreadStore;
  readonly agent: Agent;
  readonly clock: Clock;
  /** The same clock as the machines of XState take it. */
  readonly machineClock: MachineClock;
  readonly ids: IdSource;
  readonly logger: Logger;
  readonly restart: RestartPolicy;
  /** Who is idle, and for how long. */
  readonly idle: IdleSweeper;
  /** What a turn runs with where neither the thread nor the caller says it. */
  readonly settings: TurnSettings;
  hasSubscribers(threadId: string): boolean;
  /** Hands a signal on. Never throws. */
  tell(threadId: string, signal: Signal): void;
  /** A thread is closed, or stays failed: it is no longer loaded. Never throws. */
  unloaded(thread: { readonly id: string }, reason: UnloadReason): void;
}
