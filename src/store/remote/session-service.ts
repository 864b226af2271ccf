/**
 * The service's calls about sessions and events: a client opens one, holds it for as long as it lives, and is told
 * what happens in the store. Events queue in one ring for all; a message has all that is there, so a reader that
 * falls behind reads larger messages, not more of them.
 */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";

import { LIMITS, SKEIN_VERSION } from "../../base/index.ts";
import { durabilityOfStore } from "../durability.ts";
import type { ThreadStore } from "../thread-store.ts";
import type { EventRing } from "./event-ring.ts";
import type { SubscribeResponseSchema, ThreadStoreService } from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { KEEP_ALIVE_MS, type SessionRegistry } from "./session-registry.ts";

/** Characters of a client's name that are kept. */
const NAME_CHARS_MAX = 200;

/** The service's calls about sessions and events. */
export type SessionService = Pick<
  ServiceImpl<typeof ThreadStoreService>,
  "openSession" | "holdSession" | "keepAlive" | "closeSession" | "subscribe"
>;

/** What they are made over. */
export interface SessionServiceOptions {
  readonly store: ThreadStore;
  readonly sessions: SessionRegistry;
  readonly ring: EventRing;
}

/** Makes them. */
export function createSessionService({ store, sessions, ring }: SessionServiceOptions): SessionService {
  return {
    async openSession({ sessionId, clientName }) {
      const name = clientName.slice(0, NAME_CHARS_MAX).toWellFormed();
      const { session, isSame } = sessions.open(sessionId, name === "" ? "a client without a name" : name);
      const { durability, search, reopen } = store.capabilities;
      return {
        sessionId: session.id,
        isSame,
        kind: store.kind,
        capabilities: { durability, search, reopen },
        serverVersion: SKEIN_VERSION,
        keepAliveMs: KEEP_ALIVE_MS,
        messageBytesMax: BigInt(LIMITS.messageBytesMax),
        durability: durabilityOfStore(store),
        knowsCreationKeys: true,
      };
    },
    async *holdSession({ sessionId }, { signal }) {
      const letGo = sessions.require(sessionId).hold();
      try {
        yield {};
        await aborted(signal);
        signal.throwIfAborted();
      } finally {
        letGo();
      }
    },
    async keepAlive({ sessionId }) {
      sessions.require(sessionId).touch();
      return { durability: durabilityOfStore(store) };
    },
    async closeSession(request, { signal }) {
      const { session, place } = sessions.requireFor(request.place);
      await session.begin(place, signal, () => sessions.end(session));
      return {};
    },
    subscribe: ({ generation, after }, context) => tell(ring, { generation, after }, context),
  };
}

type SubscribeMessage = MessageInitShape<typeof SubscribeResponseSchema>;

interface From {
  readonly generation: string;
  readonly after: bigint;
}

async function* tell(ring: EventRing, from: From, { signal }: HandlerContext): AsyncGenerator<SubscribeMessage> {
  const leave = ring.join();
  try {
    const isSame = from.generation === ring.generation;
    let { after } = isSame ? from : { after: ring.newest };
    const isGap = from.generation !== "" && (!isSame || ring.read(after).isGap);
    if (isGap) after = ring.newest;
    yield startOf(ring, after, isGap);
    for (;;) {
      await ring.whenBehind(after, signal);
      signal.throwIfAborted();
      const reading = ring.read(after);
      after = reading.after;
      yield reading.isGap ? startOf(ring, after, true) : { events: [...reading.events] };
    }
  } finally {
    leave();
  }
}

function startOf(ring: EventRing, after: bigint, isGap: boolean): SubscribeMessage {
  return { start: { generation: ring.generation, after, isGap }, events: [] };
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
