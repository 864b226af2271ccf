/**
 * The service's calls that open, write and change threads. Each names its session and its place in it, and begins
 * when it is its turn; a thread that another client writes to is refused. Answers say how many events had been told
 * by then, so that a client which listens can tell its own of them first.
 */
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

import { rejection } from "../../base/index.ts";
import type { AppendableItem } from "../../events/index.ts";
import { requireThreadId } from "../call-check.ts";
import type { OpenedThread, ThreadStore, ThreadWriter } from "../thread-store.ts";
import type { EventRing } from "./event-ring.ts";
import { type AppendAnswer, outcomesOf } from "./append-outcomes.ts";
import type {
  AppendItemsRequest,
  CallPlace,
  ThreadStoreService,
  Writer as WireWriter,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import type { ServedSession } from "./served-session.ts";
import type { SessionRegistry } from "./session-registry.ts";
import { fromJsonBytes } from "./wire-parts.ts";
import { numberOf } from "./wire-members.ts";
import { fromWirePatch } from "./wire-requests.ts";
import { toWireThread } from "./wire-threads.ts";
import { fromWireNewThread, fromWireWriter, toWireOpened } from "./wire-writers.ts";

/** The service's calls that change something. */
export type WritingService = Pick<
  ServiceImpl<typeof ThreadStoreService>,
  | "createThread"
  | "resumeThread"
  | "appendItems"
  | "appendBatch"
  | "persistThread"
  | "flushThread"
  | "shutdownThread"
  | "discardThread"
  | "updateThreadMetadata"
  | "archiveThread"
  | "unarchiveThread"
  | "deleteThread"
>;

/** What they are made over. */
export interface WritingServiceOptions {
  readonly store: ThreadStore;
  readonly sessions: SessionRegistry;
  readonly ring: EventRing;
}

interface Placed {
  readonly place?: CallPlace | undefined;
}

/** Makes them. */
export function createWritingService(options: WritingServiceOptions): WritingService {
  return { ...createOpeningService(options), ...createWriterService(options), ...createChangingService(options) };
}

/** Begins a call in its place, and says with its answer how many events had been told by then. */
async function begun<Answer extends object>(
  { sessions, ring }: WritingServiceOptions,
  { request, signal }: { readonly request: Placed; readonly signal: AbortSignal },
  run: (session: ServedSession) => Promise<Answer>,
): Promise<Answer & { eventsTold: bigint }> {
  const { session, place } = sessions.requireFor(request.place);
  const answer = await session.begin(place, signal, () => run(session));
  return { ...answer, eventsTold: ring.newest };
}

/** What opens writers. */
function createOpeningService(options: WritingServiceOptions): Pick<WritingService, "createThread" | "resumeThread"> {
  const { store, sessions } = options;
  const open = async (session: ServedSession, opening: Promise<OpenedThread>): Promise<OpenedThread> => {
    const opened = await opening;
    await sessions.adopt(session, opened.writer);
    return opened;
  };
  return {
    createThread: (request, { signal }) =>
      begun(options, { request, signal }, async (session) => {
        const { threadId, fork, creationKey: key, abandonedKeys } = request;
        const metadata = fromWireNewThread(request.metadata);
        session.creations.abandon(abandonedKeys, (writer) => sessions.letGo(session, writer));
        const make = async (): Promise<OpenedThread> => {
          session.requireRoom();
          const creating = store.createThread({
            metadata,
            ...(threadId === undefined ? {} : { threadId }),
            ...(fork === undefined ? {} : { fork: { threadId: fork.threadId, endOrdinal: Number(fork.endOrdinal) } }),
          });
          return open(session, creating);
        };
        return { opened: toWireOpened(await session.creations.once({ key, threadId }, make)) };
      }),
    resumeThread: (request, { signal }) =>
      begun(options, { request, signal }, async (session) => {
        session.requireRoom();
        const threadId = requireThreadId(request.threadId);
        sessions.requireFree(threadId, session);
        return { opened: toWireOpened(await open(session, store.resumeThread({ threadId }))) };
      }),
  };
}

type WriterCalls = "appendItems" | "appendBatch" | "persistThread" | "flushThread" | "shutdownThread" | "discardThread";

/** What a writer does. */
function createWriterService(options: WritingServiceOptions): Pick<WritingService, WriterCalls> {
  const { store, sessions } = options;
  const asWriter = <Answer extends object>(
    request: Placed & { readonly writer?: WireWriter | undefined },
    { signal }: HandlerContext,
    run: (writer: ThreadWriter) => Promise<Answer>,
  ): Promise<Answer & { eventsTold: bigint }> =>
    begun(options, { request, signal }, async (session) => {
      const writer = fromWireWriter(request.writer);
      session.requireOwn(writer);
      return run(writer);
    });
  const letGo = (
    request: Placed & { readonly writer?: WireWriter | undefined },
    { signal }: HandlerContext,
    run: (writer: ThreadWriter) => Promise<void>,
  ): Promise<{ eventsTold: bigint }> =>
    begun(options, { request, signal }, async (session) => {
      const writer = fromWireWriter(request.writer);
      // One that is not the session's own was let go before, by whatever way.
      if (!session.owns(writer)) return {};
      await run(writer);
      sessions.disown(session, writer);
      return {};
    });
  const append = (request: AppendItemsRequest, context: HandlerContext): Promise<AppendAnswer> =>
    asWriter(request, context, async (writer) => {
      const { idempotencyKey } = request;
      const expectedOrdinal = numberOf(request.expectedOrdinal);
      const { firstOrdinal, nextOrdinal, durability, duplicate } = await store.appendItems({
        writer,
        items: request.items.map(itemOf),
        ...(expectedOrdinal === undefined ? {} : { expectedOrdinal }),
        ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      });
      return { firstOrdinal: BigInt(firstOrdinal), nextOrdinal: BigInt(nextOrdinal), durability, duplicate };
    });
  return {
    appendItems: append,
    appendBatch: ({ appends }, context) =>
      outcomesOf(
        appends.map((request) => append(request, context)),
        context,
      ),
    persistThread: (request, context) => asWriter(request, context, (writer) => done(store.persistThread(writer))),
    flushThread: (request, context) => asWriter(request, context, (writer) => done(store.flushThread(writer))),
    shutdownThread: (request, context) => letGo(request, context, (writer) => store.shutdownThread(writer)),
    discardThread: (request, context) => letGo(request, context, (writer) => store.discardThread(writer)),
  };
}

type ChangingCalls = "updateThreadMetadata" | "archiveThread" | "unarchiveThread" | "deleteThread";

/** What changes threads without a writer; none that another client writes to. */
function createChangingService(options: WritingServiceOptions): Pick<WritingService, ChangingCalls> {
  const { store, sessions } = options;
  const onThread = <Answer extends object>(
    request: Placed & { readonly threadId: string },
    { signal }: HandlerContext,
    run: (threadId: string) => Promise<Answer>,
  ): Promise<Answer & { eventsTold: bigint }> =>
    begun(options, { request, signal }, async (session) => {
      const threadId = requireThreadId(request.threadId);
      sessions.requireFree(threadId, session);
      return run(threadId);
    });
  return {
    updateThreadMetadata: (request, context) =>
      onThread(request, context, async (threadId) => {
        const patch = fromWirePatch(request.patch);
        return { thread: toWireThread(await store.updateThreadMetadata({ threadId, patch })) };
      }),
    archiveThread: (request, context) => onThread(request, context, (threadId) => done(store.archiveThread(threadId))),
    unarchiveThread: (request, context) =>
      onThread(request, context, async (threadId) => ({ thread: toWireThread(await store.unarchiveThread(threadId)) })),
    deleteThread: (request, context) =>
      onThread(request, context, async (threadId) => {
        await store.deleteThread(threadId);
        sessions.forget(threadId);
        return {};
      }),
  };
}

/** An answer with nothing in it. */
async function done(call: Promise<void>): Promise<object> {
  await call;
  return {};
}

function itemOf(json: Uint8Array): AppendableItem {
  try {
    // The store checks what it is.
    return fromJsonBytes(json) as AppendableItem;
  } catch (error) {
    throw rejection("invalid_argument", `an item is no JSON: ${error instanceof Error ? error.message : "?"}`);
  }
}
