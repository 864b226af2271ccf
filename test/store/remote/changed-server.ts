/**
 * Served stores of which some calls are others: one as it was before servers knew creation keys, which doesn't say that
 * it does and makes what it is asked for as often as it is asked; and one where calls come when later ones of their
 * session have begun. All else is as it is.
 */
import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";

import { create } from "@bufbuild/protobuf";
import type { HandlerContext, Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import { createIdSource, silentLogger, systemClock } from "../../../src/base/index.ts";
import type { ThreadStore } from "../../../src/store/index.ts";
import { EventRing } from "../../../src/store/remote/event-ring.ts";
import {
  type CallPlace,
  CreateThreadRequestSchema,
  ThreadStoreService,
} from "../../../src/store/remote/gen/skein/thread_store/v1/thread_store_pb.ts";
import { createReadingService } from "../../../src/store/remote/reading-service.ts";
import { createSessionService, type SessionService } from "../../../src/store/remote/session-service.ts";
import { SessionRegistry } from "../../../src/store/remote/session-registry.ts";
import { toConnectError } from "../../../src/store/remote/wire-errors.ts";
import { createWritingService, type WritingService } from "../../../src/store/remote/writing-service.ts";

/** One at a free port of this machine. */
export interface ChangedServer {
  readonly port: number;
  close(): Promise<void>;
}

interface Parts {
  readonly sessions: SessionRegistry;
  readonly ofSessions: SessionService;
  readonly writing: WritingService;
}

type ChangedCalls = Partial<SessionService & WritingService>;

/** One that knows no creation keys. */
export async function serveWithoutKeys(store: ThreadStore): Promise<ChangedServer> {
  return serveChanged(store, ({ ofSessions, writing }) => ({
    openSession: async (request, context) => {
      return { ...(await ofSessions.openSession(request, context)), knowsCreationKeys: false };
    },
    createThread: (request, context) => {
      const keyless = create(CreateThreadRequestSchema, { ...request, creationKey: "", abandonedKeys: [] });
      return writing.createThread(keyless, context);
    },
  }));
}

/** One where another call of the session takes the turn of each making and append of which `isOvertaken` says so. */
export async function serveOvertaken(store: ThreadStore, isOvertaken: () => boolean): Promise<ChangedServer> {
  return serveChanged(store, ({ sessions, writing }) => {
    const overtake = async (placed: CallPlace | undefined, { signal }: HandlerContext): Promise<void> => {
      if (!isOvertaken()) return;
      const { session, place } = sessions.requireFor(placed);
      await session.begin(place, signal, async () => {});
    };
    return {
      createThread: async (request, context) => {
        await overtake(request.place, context);
        return writing.createThread(request, context);
      },
      appendItems: async (request, context) => {
        await overtake(request.place, context);
        return writing.appendItems(request, context);
      },
    };
  });
}

async function serveChanged(store: ThreadStore, change: (parts: Parts) => ChangedCalls): Promise<ChangedServer> {
  const ids = createIdSource();
  const sessions = new SessionRegistry({ store, clock: systemClock, ids, logger: silentLogger });
  const ring = new EventRing({ store, clock: systemClock, newGeneration: () => ids.next() });
  const parts = { store, sessions, ring };
  const ofSessions = createSessionService(parts);
  const writing = createWritingService(parts);
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(ThreadStoreService, {
        ...ofSessions,
        ...writing,
        ...createReadingService(store),
        ...change({ sessions, ofSessions, writing }),
      }),
    interceptors: [withErrorsOfTheWire],
  });
  const connections = new Set<ServerHttp2Session>();
  const server = createServer(handler).on("session", (connection) => connections.add(connection));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it has no port");
  const close = async (): Promise<void> => {
    const isDown = new Promise<void>((resolve) => void server.close(() => resolve()));
    for (const connection of connections) connection.destroy();
    await sessions.close();
    ring.close();
    await isDown;
  };
  return { port: address.port, close };
}

const withErrorsOfTheWire: Interceptor = (next) => async (request) => {
  try {
    return await next(request);
  } catch (error) {
    throw toConnectError(error);
  }
};
