/**
 * Calls of a client that come when later ones of its session have begun. A first try is refused, for its order is what
 * it was called in; one behind a lost connection has no turn to keep, and is made until it is answered.
 */
import { afterEach, describe, expect, test } from "vitest";

import type { AppendableItem } from "../../../src/events/index.ts";
import type { AppendItemsParams, CreateThreadParams, ThreadStore } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import { openRemoteThreadStore } from "../../../src/store/remote/index.ts";
import { serveOvertaken } from "./changed-server.ts";
import { withMember } from "./changed-store.ts";
import { createCuttableLink } from "./cuttable-link.ts";

const ID = "01900000-0000-7000-8000-000000000001";
const metadata = { cwd: "/work" };
/** It may have been done. The second is what a busy machine makes of the first. */
const NOT_ANSWERED: unknown = expect.stringMatching(/^(connection_lost|timed_out)$/u);
const said: AppendableItem = { type: "event_msg", payload: { type: "user_message", message: "one" } };
const closings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

interface Scene {
  /** The answer to the next making or append is lost. */
  isCutting: boolean;
  /** Makings and appends that come from now on come out of turn, as often as this. */
  overtakings: number;
  /** The same, from the lost answer on. */
  overtakingsThen: number;
  /** Makings of the store. */
  makings: number;
}

/** A client of a served store, its link, and what goes wrong on it. */
async function overtakenClient(callTimeoutMs = 10_000) {
  const scene: Scene = { isCutting: false, overtakings: 0, overtakingsThen: 0, makings: 0 };
  const memory = createMemoryThreadStore();
  const answered = async <Answer>(answer: Promise<Answer>): Promise<Answer> => {
    await answer;
    if (!scene.isCutting) return answer;
    scene.isCutting = false;
    scene.overtakings = scene.overtakingsThen;
    await link.cut();
    link.mend();
    return answer;
  };
  const making = withMember(memory, "createThread", (params: CreateThreadParams) => {
    scene.makings += 1;
    return answered(memory.createThread(params));
  });
  const store = withMember(making, "appendItems", (params: AppendItemsParams) => answered(memory.appendItems(params)));
  const server = await serveOvertaken(store, () => {
    scene.overtakings -= 1;
    return scene.overtakings >= 0;
  });
  closings.push(() => server.close());
  const link = await createCuttableLink(server.port);
  closings.push(() => link.cut());
  const client: ThreadStore = await openRemoteThreadStore({ url: link.url, callTimeoutMs });
  closings.push(() => client.close());
  return { client, scene, memory };
}

describe("a call whose answer was lost and whose next tries come out of turn", () => {
  test("is made until it has its turn: a thread is made once, and its writer told", async () => {
    const { client, scene } = await overtakenClient();
    Object.assign(scene, { isCutting: true, overtakingsThen: 2 });
    const { writer } = await client.createThread({ threadId: ID, metadata });
    expect(scene.makings).toBe(1);
    expect(await client.appendItems({ writer, items: [said] })).toMatchObject({ duplicate: false });
  });

  test("is made until it has its turn: an append with a key is done once", async () => {
    const { client, scene } = await overtakenClient();
    const { writer } = await client.createThread({ metadata });
    Object.assign(scene, { isCutting: true, overtakingsThen: 2 });
    const append = client.appendItems({ writer, items: [said], idempotencyKey: "one" });
    expect(await append).toMatchObject({ duplicate: true, nextOrdinal: 2 });
  });

  test("may have been done when it never has: it is told as lost, and the id of a thread is free", async () => {
    const { client, scene } = await overtakenClient(1_500);
    Object.assign(scene, { isCutting: true, overtakingsThen: 1_000 });
    const making = client.createThread({ threadId: ID, metadata });
    await expect(making).rejects.toMatchObject({ code: NOT_ANSWERED, retryable: true });
    scene.overtakings = 0;
    const { writer } = await client.createThread({ threadId: ID, metadata });
    expect(scene.makings).toBe(2);
    expect(await client.appendItems({ writer, items: [said] })).toMatchObject({ duplicate: false });
  });

  test("may have been done when it never has: a fork is told as lost, and is there", async () => {
    const { client, scene, memory } = await overtakenClient(1_500);
    const { writer } = await memory.createThread({ metadata });
    await memory.appendItems({ writer, items: [said] });
    await memory.shutdownThread(writer);
    Object.assign(scene, { isCutting: true, overtakingsThen: 1_000 });
    const making = client.createThread({ metadata, fork: { threadId: writer.threadId, endOrdinal: 2 } });
    await expect(making).rejects.toMatchObject({ code: NOT_ANSWERED, retryable: true });
    expect((await client.listThreads()).data).toHaveLength(2);
  });
});

describe("a call whose first try comes out of turn", () => {
  test("is refused and not done, also an append with a key: it is not done behind later ones", async () => {
    const { client, scene } = await overtakenClient();
    const { writer } = await client.createThread({ metadata });
    scene.overtakings = 1;
    const late = client.appendItems({ writer, items: [said], idempotencyKey: "one" });
    await expect(late).rejects.toMatchObject({ code: "aborted", retryable: true });
    const again = client.appendItems({ writer, items: [said], idempotencyKey: "one" });
    expect(await again).toMatchObject({ duplicate: false, nextOrdinal: 2 });
  });

  test("makes no thread, and leaves its id free", async () => {
    const { client, scene } = await overtakenClient();
    scene.overtakings = 1;
    const making = client.createThread({ threadId: ID, metadata });
    await expect(making).rejects.toMatchObject({ code: "aborted", retryable: true });
    expect(scene.makings).toBe(0);
    expect((await client.createThread({ threadId: ID, metadata })).writer.threadId).toBe(ID);
  });
});
