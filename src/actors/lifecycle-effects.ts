/**
 * What a thread's statechart asks of the thread it belongs to. It stands apart from the machine, so that
 * the package's declarations name no type of XState: who type-checks against Skein needs none of them.
 * None of these throws; what fails is reported to the machine as an event.
 */
import type { LiveThreadState } from "./thread-handle.ts";

/** What the machine asks of the thread it belongs to. None of these throws. */
export interface LifecycleEffects {
  /** A state was entered. */
  entered(state: LiveThreadState): void;
  /** Opens or reopens from the log. Rejects after releasing what it had. */
  open(signal: AbortSignal): Promise<void>;
  /** Ends what runs, flushes and releases the writer. */
  close(): Promise<void>;
  /** Whether an idle thread may be unloaded now. */
  mayUnload(): boolean;
  /** Whether a failed thread is to be opened again. */
  mayRestart(): boolean;
  /** Whether it was open before: a thread that never opened is closed, not restarted. */
  wasOpen(): boolean;
  /** Milliseconds before the next restart. */
  restartDelayMs(): number;
}
