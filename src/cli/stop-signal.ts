/**
 * Being told to stop: the first Ctrl-C (or SIGTERM, or the terminal's end) asks, and nobody listens to a second one,
 * so it ends the process at once. What comes right after the first is the first again: under `npm start` a Ctrl-C
 * reaches this process from the terminal and from each process that passes it on.
 */
import type { CliContext } from "./cli-context.ts";

/** As long as copies of one Ctrl-C may take, and shorter than a person takes to press it twice. */
const SAME_SIGNAL_MS = 300;

/** The wish that this process stops. */
export interface StopSignal {
  readonly asked: Promise<void>;
  /** Listens no more, unless it was asked: then copies of that signal may still come until the process ends. */
  release(): void;
}

/** Listens from now on. */
export function listenForStop({ clock, onStop }: Pick<CliContext, "clock" | "onStop">): StopSignal {
  const asked = Promise.withResolvers<void>();
  let isAsked = false;
  const release = onStop(() => {
    if (isAsked) return;
    isAsked = true;
    clock.setTimer(SAME_SIGNAL_MS, release);
    asked.resolve();
  });
  return {
    asked: asked.promise,
    release: () => {
      if (!isAsked) release();
    },
  };
}
