/**
 * Shows a thread's signals on the terminal while it is open: reads the thread's feed and writes as fast
 * as the terminal takes it. A turn counts as shown when its end was written, so that a prompt never
 * comes before the last words of an answer.
 */
import type { RuntimeThread } from "../../runtime/index.ts";
import type { Output } from "../output.ts";
import { createChatScreen } from "./chat-screen.ts";

/** A display that runs until it is closed. */
export interface ChatDisplay {
  /** Resolves when the end of this turn is on the screen; rejects with what kept it from getting there. */
  shown(turnId: string): Promise<void>;
  close(): Promise<void>;
}

/** Begins to show what the thread does from now on. */
export function openChatDisplay(thread: RuntimeThread, out: Output): ChatDisplay {
  const screen = createChatScreen(out);
  const waiting = new Map<string, PromiseWithResolvers<void>>();
  const done = new Set<string>();
  const feed = thread.events({ from: "end", signals: true })[Symbol.asyncIterator]();
  let end: { readonly failure?: unknown } | undefined;

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
  const finish = (over: { readonly failure?: unknown }): void => {
    end = over;
    for (const { resolve, reject } of waiting.values()) {
      if ("failure" in over) reject(over.failure);
      else resolve();
    }
    waiting.clear();
  };
  const reading = read().then(
    () => finish({}),
    (failure: unknown) => finish({ failure }),
  );

  return {
    shown: async (turnId): Promise<void> => {
      if (done.delete(turnId)) return;
      if (end !== undefined) {
        if ("failure" in end) throw end.failure;
        return;
      }
      const entry = waiting.get(turnId) ?? Promise.withResolvers<void>();
      waiting.set(turnId, entry);
      await entry.promise;
      done.delete(turnId);
    },
    close: async (): Promise<void> => {
      await feed.return();
      await reading;
    },
  };
}
