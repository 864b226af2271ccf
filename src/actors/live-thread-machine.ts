/**
 * The lifecycle of a loaded thread as a statechart: which state it is in and what may follow. It holds
 * nothing of the conversation (that comes from the folds) and does nothing itself: it asks its
 * LifecycleEffects, which report what became of it as events. An effect never throws into the machine,
 * because an action that throws stops an XState actor without a word.
 *
 *   opening ─▶ idle ⇄ turnRunning | reviewing | compacting
 *      ▲        │                 │
 *      └─ failed ◀── store fault ─┘          any ─▶ closing ─▶ closed
 *
 * One machine serves all threads; an actor of it is a root, never a child (spawning is quadratic).
 */
import { type ActorRefFrom, fromPromise, setup } from "xstate";

import type { SkeinError } from "../base/index.ts";
import type { AgentTask } from "./agent.ts";
import type { LifecycleEffects } from "./lifecycle-effects.ts";
import type { LiveThreadState } from "./thread-handle.ts";

/** What happened to a thread, as its machine hears it. */
export type LifecycleEvent =
  | { readonly type: "turn.started"; readonly task: AgentTask }
  | { readonly type: "turn.ended" }
  /** It was idle for long enough. */
  | { readonly type: "unload" }
  | { readonly type: "fault"; readonly fault: SkeinError }
  | { readonly type: "close" };

interface LifecycleInput {
  readonly effects: LifecycleEffects;
}

const RUNNING = {
  on: {
    "turn.ended": { target: "idle" },
    fault: { target: "failed" },
    close: { target: "closing" },
  },
} as const;

export const liveThreadMachine = setup({
  types: {
    context: {} as LifecycleInput,
    input: {} as LifecycleInput,
    events: {} as LifecycleEvent,
  },
  actors: {
    open: fromPromise<void, LifecycleEffects>(({ input, signal }) => input.open(signal)),
    close: fromPromise<void, LifecycleEffects>(({ input }) => input.close()),
  },
  actions: {
    tell: ({ context }, params: { state: LiveThreadState }) => context.effects.entered(params.state),
  },
  guards: {
    isReview: ({ event }) => event.type === "turn.started" && event.task === "review",
    isCompaction: ({ event }) => event.type === "turn.started" && event.task === "compact",
    mayUnload: ({ context }) => context.effects.mayUnload(),
    mayRestart: ({ context }) => context.effects.mayRestart(),
    wasOpen: ({ context }) => context.effects.wasOpen(),
  },
  delays: {
    restart: ({ context }) => context.effects.restartDelayMs(),
  },
}).createMachine({
  id: "liveThread",
  context: ({ input }) => input,
  initial: "opening",
  states: {
    opening: {
      entry: { type: "tell", params: { state: "opening" } },
      invoke: {
        src: "open",
        input: ({ context }) => context.effects,
        onDone: { target: "idle" },
        onError: [{ guard: "wasOpen", target: "failed" }, { target: "closed" }],
      },
      on: { close: { target: "closing" } },
    },
    idle: {
      entry: { type: "tell", params: { state: "idle" } },
      on: {
        "turn.started": [
          { guard: "isReview", target: "reviewing" },
          { guard: "isCompaction", target: "compacting" },
          { target: "turnRunning" },
        ],
        unload: { guard: "mayUnload", target: "closing" },
        fault: { target: "failed" },
        close: { target: "closing" },
      },
    },
    turnRunning: { entry: { type: "tell", params: { state: "turnRunning" } }, ...RUNNING },
    reviewing: { entry: { type: "tell", params: { state: "reviewing" } }, ...RUNNING },
    compacting: { entry: { type: "tell", params: { state: "compacting" } }, ...RUNNING },
    failed: {
      entry: { type: "tell", params: { state: "failed" } },
      after: { restart: { guard: "mayRestart", target: "opening" } },
      on: { close: { target: "closing" } },
    },
    closing: {
      entry: { type: "tell", params: { state: "closing" } },
      invoke: {
        src: "close",
        input: ({ context }) => context.effects,
        onDone: { target: "closed" },
        onError: { target: "closed" },
      },
    },
    closed: { entry: { type: "tell", params: { state: "closed" } }, type: "final" },
  },
});

/** A thread's lifecycle, running. */
export type LiveThreadActor = ActorRefFrom<typeof liveThreadMachine>;
