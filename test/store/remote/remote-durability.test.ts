/**
 * What a served store's acknowledgement is worth, told by its client: no less than the store under it has, and as it is
 * now, also where that changes while the client is open.
 */
import { once } from "node:events";
import { createServer } from "node:http2";

import { connectNodeAdapter } from "@connectrpc/connect-node";
import { expect, onTestFinished, test, vi } from "vitest";

import { openPostgresThreadStore } from "../../../src/postgres/index.ts";
import type { StoreDurability, ThreadStore } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { ThreadStoreService } from "../../../src/store/remote/gen/skein/thread_store/v1/thread_store_pb.ts";
import { openRemoteThreadStore, type RemoteThreadStore, serveThreadStore } from "../../../src/store/remote/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { testSchema } from "../../support/postgres/worker-postgres.ts";
import { postgres } from "../postgres/postgres-place.ts";
import { withMember } from "./changed-store.ts";

const clock = createManualClock();

async function served(store: ThreadStore): Promise<RemoteThreadStore> {
  const server = await serveThreadStore({ store });
  onTestFinished(() => server.close());
  const remote = await openRemoteThreadStore({ url: server.url, clock });
  onTestFinished(() => remote.close());
  return remote;
}

test("a client claims the standbys of the served store, and no more than that when they are gone", async () => {
  let told: StoreDurability = { acknowledged: "fsync", scope: "quorum", standbys: 2 };
  const changing: StoreDurability = {
    get acknowledged() {
      return told.acknowledged;
    },
    get scope() {
      return told.scope;
    },
    get standbys() {
      return told.standbys;
    },
  };
  const remote = await served(withMember(createMemoryThreadStore(), "durability", changing));
  expect(remote.durability).toEqual({ acknowledged: "fsync", scope: "quorum", standbys: 2 });
  told = { acknowledged: "os", scope: "local", standbys: 0 };
  clock.advance(5_000);
  await vi.waitFor(() => expect(remote.durability).toEqual(told), 10_000);
});

test("a store that says nothing of standbys has what it acknowledges on one machine, as its capabilities say", async () => {
  const remote = await served(createMemoryThreadStore());
  expect(remote.durability).toEqual({ acknowledged: "memory", scope: "local", standbys: 0 });
});

test("an older server, which tells nothing of it, has what it acknowledges on one machine", async () => {
  const opened = { sessionId: "one", isSame: false, kind: "local", keepAliveMs: 5_000, messageBytesMax: 1_000_000n };
  const capabilities = { durability: "fsync", search: false, reopen: true };
  const handler = connectNodeAdapter({
    routes: (router) =>
      router.service(ThreadStoreService, {
        openSession: () => ({ ...opened, capabilities }),
        keepAlive: () => ({}),
        closeSession: () => ({}),
      }),
  });
  const server = createServer(handler).listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("it has no port");
  const remote = await openRemoteThreadStore({ url: `http://127.0.0.1:${address.port}` });
  expect(remote.durability).toEqual({ acknowledged: "fsync", scope: "local", standbys: 0 });
  await remote.close();
});

test.skipIf(postgres.skipped !== null)("a served PostgreSQL store says what its server keeps", async () => {
  const { name: schema, drop } = testSchema(postgres.url);
  onTestFinished(drop);
  const store = await openPostgresThreadStore({ url: postgres.url, schema, allowUnsafe: true });
  onTestFinished(() => store.close());
  const { acknowledged, scope, standbys } = store.durability;
  expect(await served(store)).toMatchObject({ durability: { acknowledged, scope, standbys } });
  expect([acknowledged, scope]).toEqual(["os", "local"]);
});
