/**
 * A served store as it was before servers knew creation keys: it doesn't say that it does, and makes what it is asked
 * for as often as it is asked. All else is as it is now.
 */
import { once } from "node:events";
import { createServer, type ServerHttp2Session } from "node:http2";

import { create } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";

import { createIdSource, silentLogger, systemClock } from "../../../src/base/index.ts";
import type { ThreadStore } from "../../../src/store/index.ts";
import { EventRing } from "../../../src/store/remote/event-ring.ts";
import {
  CreateThreadRequestSchema,
  ThreadStoreService,
} from "../../../src/store/remote/gen/skein/thread_store/v1/thread_store_pb.ts";
import { createReadingService } from "../../../src/store/remote/reading-service.ts";
import { createSessionService } from "../../../src/store/remote/session-service.ts";
import { SessionRegistry } from "../../../src/store/remote/session-registry.ts";
import { toConnectError } from "../../../src/store/remote/wire-errors.ts";
import { createWritingService } from "../../../src/store/remote/writing-service.ts";

/** Serves the store at a free port of this machine. */
export async function serveWithoutKeys(store: ThreadStore): Promise<{ port: number; close(): Promise<void> }> {
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
        openSession: async (request, context) => {
          return { ...(await ofSessions.openSession(request, context)), knowsCreationKeys: false };
        },
        createThread: (request, context) => {
          const keyless = create(CreateThreadRequestSchema, { ...request, creationKey: "", abandonedKeys: [] });
          return writing.createThread(keyless, context);
        },
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
