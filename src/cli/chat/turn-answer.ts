/**
 * What both ways to chat need of a turn: the words it answered, its failure as an error, and how to
 * stop it. The words are made safe for a terminal here.
 */
import { fault, isSkeinError, type SkeinError } from "../../base/index.ts";
import type { Turn } from "../../events/index.ts";
import type { RuntimeThread } from "../../runtime/index.ts";
import { toPlainText } from "../format/plain-text.ts";

/** The agent's messages of the turn, one after another; "" when it said nothing. */
export function answerText(turn: Turn): string {
  const texts = turn.items.flatMap((item) => (item.type === "agentMessage" ? [toPlainText(item.text)] : []));
  return texts.join("\n");
}

/** A failed turn as the command's error. */
export function agentFailure(threadId: string, turn: Turn): SkeinError {
  const reason = turn.error?.message ?? "the agent gave no reason";
  return fault("agent_failed", `the turn failed: ${reason}`, { data: { threadId, turnId: turn.id } });
}

/** Interrupts a turn; one that ended by itself meanwhile is as good. */
export async function interruptTurn(thread: RuntimeThread, turnId: string): Promise<void> {
  try {
    await thread.interrupt(turnId);
  } catch (error) {
    if (!isSkeinError(error, "no_turn_running") && !isSkeinError(error, "turn_mismatch")) throw error;
  }
}
