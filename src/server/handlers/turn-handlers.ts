/**
 * Turns: start, steer, interrupt, review, compact. Their notifications follow the answer, for clients learn the
 * turn's id from it. A turn/start while a turn runs is what the peer means by it: its input goes into the running
 * turn. Here the answer then names that turn, so that an id that was handed out always runs.
 */
import { checkReviewTarget, type ReviewTarget, type TurnOptions } from "../../actors/index.ts";
import { isSkeinError } from "../../base/index.ts";
import type { UserInput } from "../../events/index.ts";
import type { RuntimeThread } from "../../runtime/index.ts";
import type { Handler, HandlersOf, RequestCall } from "../request-call.ts";
import { invalidRequest } from "../rpc-error.ts";
import { checkedInput, newTurn, turnOptionsOf } from "../turn-params.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

/** Times a turn/start goes back and forth between a turn that just ended and one that just began. */
const STEER_ATTEMPTS_MAX = 8;

const startTurn: Handler<"turn/start"> = async (params, call) => {
  const thread = call.server.threads.require(requireWireThreadId(params.threadId));
  const input = checkedInput(params.input);
  call.hold(thread.id);
  const turnId = await startOrSteer(thread, input, turnOptionsOf(params, call.server.settings.cwd));
  call.server.rights.change(thread.id, params);
  return {
    result: { turn: newTurn(turnId) },
    after: () => tellMemories(thread, call),
  };
};

const steerTurn: Handler<"turn/steer"> = async (params, call) => {
  const thread = call.server.threads.require(requireWireThreadId(params.threadId));
  try {
    await thread.steer(params.expectedTurnId, checkedInput(params.input));
  } catch (error) {
    throw steerRefusal(error);
  }
  return { result: { turnId: params.expectedTurnId } };
};

const interruptTurn: Handler<"turn/interrupt"> = async (params, call) => {
  const thread = call.server.threads.require(requireWireThreadId(params.threadId));
  // An empty id interrupts a start-up of the peer's; nothing here has one.
  if (params.turnId === "") return { result: {} };
  call.hold(thread.id);
  await thread.interrupt(params.turnId);
  return { result: {} };
};

const compactThread: Handler<"thread/compact/start"> = async (params, call) => {
  const thread = call.server.threads.require(requireWireThreadId(params.threadId));
  const { activeTurnId } = thread.snapshot();
  call.hold(thread.id);
  // As in the peer, a compaction takes the place of a turn that runs.
  if (activeTurnId !== null) await interruptIfRunning(thread, activeTurnId);
  await thread.compact();
  return { result: {} };
};

const startReview: Handler<"review/start"> = async (params, call) => {
  const { server } = call;
  const source = server.threads.require(requireWireThreadId(params.threadId));
  const request = checkReviewTarget(params.target as ReviewTarget);
  const thread = params.delivery === "detached" ? await forkForReview(source, call) : source;
  call.hold(thread.id);
  const { turnId } = await thread.review(request.target);
  server.channels.subscribe(thread.id, call.session);
  const content = [{ type: "text" as const, text: request.hint, text_elements: [] }];
  const turn = { ...newTurn(turnId), items: [{ type: "userMessage" as const, id: turnId, content }] };
  return { result: { turn, reviewThreadId: thread.id } };
};

/** A detached review runs in a copy of the thread, which clients hear of before the answer. */
async function forkForReview(source: RuntimeThread, call: RequestCall): Promise<RuntimeThread> {
  const { server, session } = call;
  // There is nothing to copy of a thread without a record: it gets its first one.
  if (source.snapshot().nextOrdinal === 0) await source.materialize();
  const fork = await server.threads.runtimeOf(source.id).forkThread(source.id);
  server.channels.subscribe(fork.id, session);
  const thread = server.threads.shown(fork.summary());
  server.channels.notify(fork.id, "all", { method: "thread/started", params: { thread } });
  return fork;
}

/** Starts a turn; where one runs, its input goes into that one. Gives the id of the turn that runs it. */
async function startOrSteer(thread: RuntimeThread, input: readonly UserInput[], options: TurnOptions): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return (await thread.startTurn(input, options)).turnId;
    } catch (error) {
      const running = isSkeinError(error, "turn_running") ? error.data["activeTurnId"] : undefined;
      if (typeof running !== "string" || attempt > STEER_ATTEMPTS_MAX) throw error;
      if (await steered(thread, running, input)) return running;
    }
  }
}

/** Whether the running turn took the input; false when it ended meanwhile. */
async function steered(thread: RuntimeThread, turnId: string, input: readonly UserInput[]): Promise<boolean> {
  try {
    await thread.steer(turnId, input);
    return true;
  } catch (error) {
    if (isSkeinError(error, "no_turn_running") || isSkeinError(error, "turn_mismatch")) return false;
    throw error;
  }
}

async function interruptIfRunning(thread: RuntimeThread, turnId: string): Promise<void> {
  try {
    await thread.interrupt(turnId);
  } catch (error) {
    // It ended by itself meanwhile, which is as well.
    if (!isSkeinError(error, "no_turn_running") && !isSkeinError(error, "turn_mismatch")) throw error;
  }
}

/** The peer has its own words, and data, for a turn that takes no input: a review, a compaction. */
function steerRefusal(error: unknown): unknown {
  if (!isSkeinError(error, "turn_not_steerable")) return error;
  const turnKind = error.data["task"] === "compact" ? "compact" : "review";
  const message = `cannot steer a ${turnKind} turn`;
  const codexErrorInfo = { activeTurnNotSteerable: { turnKind } };
  return invalidRequest(message, { message, codexErrorInfo, additionalDetails: null });
}

function tellMemories(thread: RuntimeThread, { server }: RequestCall): void {
  if (server.threads.isEphemeral(thread.id) || !server.threads.beginsFirstTurn(thread)) return;
  const { source, cwd } = thread.summary();
  const isRoot =
    typeof source === "string" || (typeof source === "object" && source !== null && !("subAgent" in source));
  if (isRoot) server.memories.rootTurnStarted({ threadId: thread.id, cwd });
}

/** Methods that begin, change or end a turn. */
export const turnHandlers: HandlersOf<
  "turn/start" | "turn/steer" | "turn/interrupt" | "thread/compact/start" | "review/start"
> = {
  "turn/start": startTurn,
  "turn/steer": steerTurn,
  "turn/interrupt": interruptTurn,
  "thread/compact/start": compactThread,
  "review/start": startReview,
};
