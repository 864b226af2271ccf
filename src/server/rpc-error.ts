/**
 * How a request is refused on the wire. Codes and first words are the peer's, which its clients look at; what
 * Skein knows more (its own code, whether trying again can help, the values that disagree) stands in `data`.
 *
 * The peer has other words for "no such thread" in different methods; the table below is theirs
 * (measured, codex app-server 0.130.0).
 */
import { isSkeinError, type SkeinError } from "../base/index.ts";
import { RPC_CODES, type RpcErrorBody } from "./protocol/index.ts";

/** A refusal whose code and words are already the wire's. */
export class RpcError extends Error {
  override readonly name = "RpcError";
  readonly body: RpcErrorBody;

  constructor(body: RpcErrorBody) {
    super(body.message);
    this.body = body;
  }
}

/** The request can't be granted as it is: nearly every refusal of the protocol. */
export function invalidRequest(message: string, data?: RpcErrorBody["data"]): RpcError {
  return new RpcError({ code: RPC_CODES.invalidRequest, message, ...(data === undefined ? {} : { data }) });
}

/** The method is part of the protocol, and of no interest to threads. */
export function notServed(method: string): RpcError {
  const message = `${method} is not served here: skein serves the thread part of the protocol (skein schema lists it)`;
  return new RpcError({ code: RPC_CODES.methodNotFound, message });
}

/** More is under way than is kept in memory. The client may ask again. */
export function overloaded(): RpcErrorBody {
  return { code: RPC_CODES.overloaded, message: "Server overloaded; retry later." };
}

/** What a thrown error is on the wire. Bugs are told as internal errors; who calls this logs them. */
export function toRpcErrorBody(error: unknown, method: string, threadId: string | null): RpcErrorBody {
  if (error instanceof RpcError) return error.body;
  if (isSkeinError(error)) return { ...wordsOf(error, method, threadId), data: dataOf(error) };
  const reason = error instanceof Error ? error.message : String(error);
  return { code: RPC_CODES.internalError, message: `internal error: ${reason}` };
}

function dataOf({ code, retryable, data }: SkeinError): RpcErrorBody["data"] {
  return { ...data, skeinCode: code, retryable };
}

function wordsOf(error: SkeinError, method: string, threadId: string | null): RpcErrorBody {
  const id = typeof error.data["threadId"] === "string" ? error.data["threadId"] : (threadId ?? "");
  switch (error.code) {
    case "thread_not_found":
    case "thread_not_loaded":
    case "thread_closed":
    case "thread_archived":
    case "thread_not_archived":
      return { code: RPC_CODES.invalidRequest, message: `${notFoundWords(method)} ${id}` };
    case "turn_mismatch": {
      const { expectedTurnId, activeTurnId } = error.data;
      const quote = method === "turn/steer" ? "`" : "";
      const expected = `${quote}${String(expectedTurnId)}${quote}`;
      const found = `${quote}${String(activeTurnId)}${quote}`;
      return { code: RPC_CODES.invalidRequest, message: `expected active turn id ${expected} but found ${found}` };
    }
    case "no_turn_running":
      return {
        code: RPC_CODES.invalidRequest,
        message: method === "turn/steer" ? "no active turn to steer" : "no active turn to interrupt",
      };
    case "thread_not_materialized":
      return {
        code: RPC_CODES.invalidRequest,
        message: NO_ROLLOUT.has(method) ? `${notFoundWords(method)} ${id}` : error.message,
      };
    case "invalid_cursor":
      return { code: RPC_CODES.invalidRequest, message: cursorWords(error) };
    case "empty_input":
      return { code: RPC_CODES.invalidRequest, message: "input must not be empty" };
    default: {
      const code = error.kind === "rejection" ? RPC_CODES.invalidRequest : RPC_CODES.internalError;
      return { code, message: error.message };
    }
  }
}

/** A cursor that was never one is named; one whose turn is gone is told so. */
function cursorWords({ message, data }: SkeinError): string {
  const gone = "invalid cursor: anchor turn is no longer present";
  return message.startsWith(gone) ? gone : `invalid cursor: ${String(data["cursor"] ?? "")}`;
}

const NO_ROLLOUT: ReadonlySet<string> = new Set(["thread/resume", "thread/fork", "thread/archive", "thread/delete"]);
const NOT_LOADED: ReadonlySet<string> = new Set([
  "thread/read",
  "thread/turns/list",
  "thread/items/list",
  "thread/turns/items/list",
]);

/** The peer's words before the id of a thread that isn't there. */
function notFoundWords(method: string): string {
  if (NO_ROLLOUT.has(method)) return "no rollout found for thread id";
  if (NOT_LOADED.has(method)) return "thread not loaded:";
  if (method === "thread/unarchive") return "no archived rollout found for thread id";
  if (method === "getConversationSummary") return "no rollout found for conversation id";
  return "thread not found:";
}
