/**
 * What an agent threw, as the error its turn fails with. An agent is other people's code: it may throw
 * anything, also things that throw again when they are looked at.
 */
import { fault, isSkeinError, type SkeinError } from "../base/index.ts";

/** Why a turn failed; a SkeinError of the agent keeps its code and data. */
export function agentFault(error: unknown): SkeinError {
  try {
    if (isWholeSkeinError(error)) return error;
    const reason: unknown = error instanceof Error ? error.message : String(error);
    return fault("agent_failed", typeof reason === "string" && reason !== "" ? reason : "the agent failed", {
      cause: error,
    });
  } catch {
    // What it threw can't even be read, and so is no cause that anybody could look at.
    return fault("agent_failed", "the agent failed with an error that can't be read");
  }
}

/** One that was recognised by its shape need not have all of it. */
function isWholeSkeinError(error: unknown): error is SkeinError {
  if (!isSkeinError(error)) return false;
  const { message, data } = error as { readonly message?: unknown; readonly data?: unknown };
  return typeof message === "string" && typeof data === "object" && data !== null;
}
