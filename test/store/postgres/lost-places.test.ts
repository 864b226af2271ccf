/**
 * Places in a log that its server lost: a client that comes to a node which was started behind the failover, and named
 * checkpoints. The node knows nothing of what another one told; the records at the lost ordinals are others by then.
 */
import { describe, expect, it, onTestFinished, vi } from "vitest";

import { scriptedAgent } from "../../../src/actors/index.ts";
import { connectClient, type SkeinClient, type ThreadEventsOptions } from "../../../src/client/index.ts";
import {
  openPostgresCheckpoints,
  type PostgresCheckpoints,
  type PostgresThreadStore,
} from "../../../src/postgres/index.ts";
import { openRuntime } from "../../../src/runtime/index.ts";
import { serveRuntime } from "../../../src/server/index.ts";
import { TcpProxy } from "../../crash/tcp-proxy.ts";
import { startLaggingPair } from "./lagging-pair.ts";
import { message, postgresLab, type PostgresLab, refusal, seedThread } from "./postgres-lab.ts";
import { postgres, runSqlAt } from "./postgres-place.ts";

interface Node {
  readonly store: PostgresThreadStore;
  readonly checkpoints: PostgresCheckpoints;
  readonly port: number;
  /** Ends it in order. */
  stop(): Promise<void>;
}

async function startNode(lab: PostgresLab, url: string): Promise<Node> {
  const store = await lab.open();
  const checkpoints = await openPostgresCheckpoints({ url, schema: lab.schema, allowUnsafe: true });
  const agent = scriptedAgent({ turns: [] });
  const runtime = await openRuntime({ store, agent });
  const served = await serveRuntime({ runtime, agent, listen: ["ws://127.0.0.1:0"], checkpoints });
  const stop = async (): Promise<void> => {
    await served.close();
    await runtime.close();
    await checkpoints.close();
    await store.close();
  };
  onTestFinished(stop);
  return { store, checkpoints, port: Number(new URL(served.addresses[0] ?? "").port), stop };
}

/** A feed that stops after so many records, and goes on from there. */
async function following(client: SkeinClient, threadId: string, count: number, options: ThreadEventsOptions = {}) {
  const feed = client.threadEvents(threadId, options)[Symbol.asyncIterator]();
  for (let ordinal = 0; ordinal < count; ordinal += 1) {
    expect(await feed.next()).toMatchObject({ value: { record: { ordinal } } });
  }
  return feed;
}

async function append(store: PostgresThreadStore, threadId: string, texts: readonly string[]): Promise<void> {
  const { writer } = await store.resumeThread({ threadId });
  await store.appendItems({ writer, items: texts.map(message) });
  await store.shutdownThread(writer);
}

describe.skipIf(postgres.skipped !== null)("behind a failover to a standby that lagged", () => {
  it("clients that come back to another node, and checkpoints, know what isn't the log's any more", async () => {
    const pair = await startLaggingPair();
    const lab = postgresLab(pair.url);
    const before = await startNode(lab, pair.url);
    const { threadId, writer } = await seedThread(before.store, ["kept"]);
    await before.store.shutdownThread(writer);
    const key = (name: string) => ({ name, threadId });
    await before.checkpoints.save(key("kept"), 2);
    await pair.stall();
    await append(before.store, threadId, ["lost", "lost too"]);
    for (const name of ["kept", "lost", "later"]) await before.checkpoints.save(key(name), 4);

    const service = await TcpProxy.open(before.port);
    onTestFinished(() => service.close());
    const reconnect = { delayMs: 5, delayMaxMs: 20, attemptsMax: 10_000 };
    const client = await connectClient({ address: `ws://127.0.0.1:${service.port}`, reconnect });
    onTestFinished(() => client.close());
    const [told, behind] = [await following(client, threadId, 4), await following(client, threadId, 2)];
    const failed = refusal(told.next());
    // What a table that was restored without the log holds.
    const rows = `"${lab.schema}".feed_checkpoint WHERE name = 'lost'`;
    const [dumped] = await runSqlAt(pair.url, `SELECT next_ordinal, append_id, append_before FROM ${rows}`);
    await before.stop();

    await pair.failOver();
    const node = await startNode(lab, pair.url);
    // It went back with the log: what it was behind meanwhile is gone as well.
    expect(await node.checkpoints.read(key("kept"))).toBe(2);
    expect(await node.checkpoints.read(key("lost"))).toBeNull();
    // An acknowledgement from before the failover.
    expect(await refusal(node.checkpoints.save(key("kept"), 4))).toMatchObject({
      code: "history_truncated",
      data: { threadId, checkpoint: "kept", ordinal: 3, nextOrdinal: 2 },
    });
    await append(node.store, threadId, ["other", "other too", "more"]);
    await runSqlAt(pair.url, `INSERT INTO "${lab.schema}".feed_checkpoint VALUES ($1, 'lost', $2, now(), $3, $4)`, [
      threadId,
      ...["next_ordinal", "append_id", "append_before"].map((column) => dumped?.[column]),
    ]);

    service.targetPort = node.port;
    expect(await failed).toMatchObject({
      code: "history_truncated",
      retryable: false,
      data: { threadId, ordinal: 3, nextOrdinal: 5 },
    });
    // It had taken no more than what is still there.
    for (const text of ["other", "other too", "more"]) {
      expect(await behind.next()).toMatchObject({ value: { record: { item: { payload: { message: text } } } } });
    }
    const byName = client.threadEvents(threadId, { checkpoint: "lost" })[Symbol.asyncIterator]();
    expect(await refusal(byName.next())).toMatchObject({
      code: "history_truncated",
      retryable: false,
      data: { threadId, checkpoint: "lost", ordinal: 3, nextOrdinal: 5 },
    });
    const anew = client.threadEvents(threadId, { checkpoint: "lost", from: 0 })[Symbol.asyncIterator]();
    for (const ordinal of [0, 1, 2]) expect(await anew.next()).toMatchObject({ value: { record: { ordinal } } });
    await anew.return();
    // Lower than what it replaced, and behind the record that is there.
    await vi.waitFor(async () => expect(await node.checkpoints.read(key("lost"))).toBe(2), 10_000);
    await behind.return();
  }, 60_000);
});

describe.skipIf(postgres.skipped !== null)(
  "where a log has other records than were told, and nobody has noticed",
  () => {
    it("a consumer's acknowledgement of those that are lost is refused, and its feed ends", async () => {
      const lab = postgresLab();
      const node = await startNode(lab, postgres.url);
      const { threadId, writer } = await seedThread(node.store, ["kept", "lost", "lost too"]);
      await node.store.shutdownThread(writer);
      const client = await connectClient({ address: `ws://127.0.0.1:${node.port}` });
      onTestFinished(() => client.close());
      const feed = await following(client, threadId, 4, { checkpoint: "mailer", window: 4 });
      const key = { name: "mailer", threadId };
      await vi.waitFor(async () => expect(await node.checkpoints.read(key)).toBe(3));
      const schema = `"${lab.schema}"`;
      await runSqlAt(postgres.url, `DELETE FROM ${schema}.event WHERE thread_id = $1 AND ordinal >= 2`, [threadId]);
      await runSqlAt(postgres.url, `DELETE FROM ${schema}.feed_checkpoint`);
      await runSqlAt(postgres.url, `UPDATE ${schema}.thread SET next_ordinal = 2 WHERE thread_id = $1`, [threadId]);
      await append(await lab.open(), threadId, ["other", "other too"]);
      expect(await refusal(feed.next())).toMatchObject({ code: "history_truncated", retryable: false });
      expect(await node.checkpoints.read(key)).toBeNull();
    });
  },
);
