/**
 * Shows a thread's signals on the terminal while it is open: reads the thread's feed and writes as fast
 * as the terminal takes it. A turn counts as shown when its end was written, so that a prompt never
 * comes before the last words of an answer.
 */
import type { RuntimeThread } from "../../runtime/index.ts";
import { type Output, outputClosed } from "../output.ts";
import { createChatScreen } from "./chat-screen.ts";

/** A display that runs until it is closed. */
export interface ChatDisplay {
  /** Resolves when the end of this turn is on the screen. Rejects with `outputClosed` when nobody looks any more. */
  shown(turnId: string): Promise<void>;
  close(): Promise<void>;
}

/** Begins to show what the thread does from now on. */
export function openChatDisplay(thread: RuntimeThread, out: Output): ChatDisplay {
  const screen = createChatScreen(out);
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const done = new Set<string>();
  const feed = thread.events({ from: "end", signals: true })[Symbol.asyncIterator]();
  let isOver = false;

  const settle = (turnId: string): void => {
    done.add(turnId);
    waiting.get(turnId)?.resolve();
    waiting.delete(turnId);
  };
  const read = async (): Promise<void> => {
    for (;;) {
      const next = await feed.next();
      if (next.done === true) return;
      const event = next.value;
      if (event.type !== "signal") continue;
      await out.write(screen.show(event.signal));
      if (event.signal.type === "turn_completed") settle(event.signal.turn.id);
    }
  };
  const finish = (failure?: unknown): void => {
    isOver = true;
    for (const { resolve, reject } of waiting.values()) {
      if (failure === undefined) resolve();
      else reject(failure);
    }
    waiting.clear();
  };
  const reading = read().then(
    () => finish(),
    (error: unknown) => {
      finish(error);
      if (error !== outputClosed) throw error;
    },
  );

  return {
    shown: (turnId): Promise<void> => {
      if (isOver || done.delete(turnId)) return Promise.resolve();
      const entry = waiting.get(turnId) ?? Promise.withResolvers<void>();
      waiting.set(turnId, entry);
      return entry.promise;
    },
    close: async (): Promise<void> => {
      await feed.return?.();
      await reading;
    },
  };
}
