/**
 * What a manager is made with, checked once, and what of it every thread shares. All defaults stand
 * here, and so do the guards around what an embedder hands in: its callbacks may throw, threads go on.
 */
import {
  type Clock,
  createIdSource,
  type IdSource,
  LIMITS,
  type Logger,
  rejection,
  silentLogger,
  systemClock,
} from "../base/index.ts";
import type { NewThreadMetadata, ThreadStore } from "../store/index.ts";
import type { Agent, TurnSettings } from "./agent.ts";
import { IdleSweeper } from "./idle-sweeper.ts";
import { machineClockOf, type RestartPolicy, type ThreadEnvironment } from "./thread-environment.ts";
import type { ManagerEvent } from "./thread-handle.ts";

/** Metadata and settings of new threads where the caller gives none. */
export interface ThreadDefaults extends Partial<NewThreadMetadata> {
  /** Default: the agent's. */
  readonly model?: string;
  readonly effort?: string | null;
  readonly instructions?: string;
}

export interface ThreadManagerOptions {
  /** Where threads live. The manager does not close it. */
  readonly store: ThreadStore;
  /** Who answers. One for all threads. */
  readonly agent: Agent;
  /** Default the machine's clock. */
  readonly clock?: Clock;
  /** Default UUIDv7 over the clock. */
  readonly ids?: IdSource;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Told of what is loaded and unloaded, and every signal. What it throws goes to the log. */
  readonly onEvent?: (event: ManagerEvent) => void;
  /** Milliseconds an idle thread without subscribers stays loaded; null for ever. Default 30 minutes. */
  readonly idleUnloadMs?: number | null;
  /** Whether somebody follows a thread; such a thread isn't unloaded. Default: nobody does. */
  readonly hasSubscribers?: (threadId: string) => boolean;
  readonly defaults?: ThreadDefaults;
  readonly restart?: Partial<RestartPolicy>;
}

const IDLE_UNLOAD_MS = 30 * 60 * 1000;
/** The longest delay Node's timers take; a longer one would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

const RESTART: RestartPolicy = Object.freeze({
  attemptsMax: LIMITS.threadRestartsMax,
  backoffMs: 200,
  backoffMaxMs: 30_000,
});

/** The environment of a manager's threads. `invalid_argument` where a number is out of bounds. */
export function environmentOf(
  options: ThreadManagerOptions,
  unloaded: ThreadEnvironment["unloaded"],
): ThreadEnvironment {
  const { store, agent, clock = systemClock, logger = silentLogger, onEvent, defaults = {} } = options;
  const settings: TurnSettings = {
    model: defaults.model ?? agent.defaultModel,
    cwd: defaults.cwd ?? process.cwd(),
    ...(defaults.effort === undefined ? {} : { effort: defaults.effort }),
    ...(defaults.instructions === undefined ? {} : { instructions: defaults.instructions }),
  };
  return {
    store,
    agent,
    clock,
    machineClock: machineClockOf(clock),
    ids: options.ids ?? createIdSource(clock),
    logger,
    restart: restartOf(options.restart),
    idle: new IdleSweeper(clock, idleUnloadOf(options.idleUnloadMs)),
    settings,
    hasSubscribers: (threadId) => {
      try {
        return options.hasSubscribers?.(threadId) ?? false;
      } catch (error) {
        logger.error({ error, threadId }, "hasSubscribers threw; the thread stays loaded");
        return true;
      }
    },
    tell:
      onEvent === undefined
        ? () => {}
        : (threadId, signal) => tellSafely(options, { type: "signal", threadId, signal }),
    unloaded,
  };
}

/** Tells the listener; its mistakes are its own. */
export function tellSafely(options: ThreadManagerOptions, event: ManagerEvent): void {
  try {
    options.onEvent?.(event);
  } catch (error) {
    options.logger?.error({ error, event: event.type, threadId: event.threadId }, "a listener of the manager threw");
  }
}

/** The metadata of a new thread: the caller's, then the defaults, then the agent's provider. */
export function newMetadata(options: ThreadManagerOptions, own: Partial<NewThreadMetadata>): NewThreadMetadata {
  const { model: _model, effort: _effort, instructions: _instructions, ...defaults } = options.defaults ?? {};
  const { provider } = options.agent;
  return {
    cwd: process.cwd(),
    ...(provider === null ? {} : { modelProvider: provider }),
    ...defaults,
    ...own,
  };
}

function restartOf(wished: Partial<RestartPolicy> = {}): RestartPolicy {
  const policy = { ...RESTART, ...wished };
  const isCount = Number.isSafeInteger(policy.attemptsMax) && policy.attemptsMax >= 0;
  if (!isCount || policy.attemptsMax > LIMITS.threadRestartsMax) {
    throw rejection("invalid_argument", `restart.attemptsMax must be 0 to ${LIMITS.threadRestartsMax}`);
  }
  if (!isDelay(policy.backoffMs) || !isDelay(policy.backoffMaxMs)) {
    throw rejection("invalid_argument", "restart.backoffMs and backoffMaxMs must be milliseconds");
  }
  return policy;
}

function idleUnloadOf(wished: number | null | undefined): number {
  if (wished === null) return Number.POSITIVE_INFINITY;
  const idleUnloadMs = wished ?? IDLE_UNLOAD_MS;
  if (isDelay(idleUnloadMs)) return idleUnloadMs;
  throw rejection("invalid_argument", `idleUnloadMs must be 0 to ${TIMER_MAX_MS} milliseconds, or null`);
}

function isDelay(ms: unknown): boolean {
  return typeof ms === "number" && ms >= 0 && ms <= TIMER_MAX_MS;
}
