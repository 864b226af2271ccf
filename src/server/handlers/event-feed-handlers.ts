/**
 * thread/events: a thread's recorded events for a client, from any position on. An acknowledgement is answered when
 * the subscription's checkpoint is kept, so it is not held up by the thread's other requests, nor by its turns.
 */
import type { Handler, HandlersOf } from "../request-call.ts";
import { invalidRequest } from "../rpc-error.ts";
import { requireWireThreadId } from "../wire-thread-id.ts";

const subscribe: Handler<"thread/events/subscribe"> = async (params, { server, session }) => {
  const threadId = requireWireThreadId(params.threadId);
  const hasCheckpoint = (params.checkpoint ?? null) !== null;
  if (hasCheckpoint && server.threads.isEphemeral(threadId)) {
    throw invalidRequest("an ephemeral thread ends with the server, and has no checkpoints: subscribe without one");
  }
  const runtime = server.threads.runtimeOf(threadId);
  const { answer, start } = await server.subscriptions.subscribe({ client: session, runtime, threadId, params });
  return { result: answer, after: start };
};

const acknowledge: Handler<"thread/events/ack"> = async (params, { server, session }) => {
  await server.subscriptions.acknowledge(session, params);
  return { result: {} };
};

const unsubscribe: Handler<"thread/events/unsubscribe"> = async ({ subscriptionId }, { server, session }) => {
  server.subscriptions.unsubscribe(session, subscriptionId);
  return { result: {} };
};

const readCheckpoint: Handler<"thread/events/checkpoint/read"> = async ({ threadId, checkpoint }, { server }) => {
  const key = { name: checkpoint, threadId: requireWireThreadId(threadId) };
  return { result: { nextOrdinal: await server.subscriptions.readCheckpoint(key) } };
};

const deleteCheckpoint: Handler<"thread/events/checkpoint/delete"> = async ({ threadId, checkpoint }, { server }) => {
  const key = { name: checkpoint, threadId: requireWireThreadId(threadId) };
  await server.subscriptions.deleteCheckpoint(key);
  return { result: {} };
};

/** Methods of event feeds over the wire. */
export const eventFeedHandlers: HandlersOf<
  | "thread/events/subscribe"
  | "thread/events/ack"
  | "thread/events/unsubscribe"
  | "thread/events/checkpoint/read"
  | "thread/events/checkpoint/delete"
> = {
  "thread/events/subscribe": subscribe,
  "thread/events/ack": acknowledge,
  "thread/events/unsubscribe": unsubscribe,
  "thread/events/checkpoint/read": readCheckpoint,
  "thread/events/checkpoint/delete": deleteCheckpoint,
};
