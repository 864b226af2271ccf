/**
 * Threads that a client asks for over a connection that loses the answer: each is made once, its writer comes with the
 * answer to the next try, and an id of one that was given up can be used again.
 */
import { afterEach, describe, expect, test, vi } from "vitest";

import { isSkeinError } from "../../../src/base/index.ts";
import type { AppendableItem } from "../../../src/events/index.ts";
import type { CreateThreadParams, OpenedThread, ThreadStore } from "../../../src/store/index.ts";
import { createMemoryThreadStore } from "../../../src/store/memory/index.ts";
import {
  openRemoteThreadStore,
  type RemoteThreadStoreOptions,
  serveThreadStore,
} from "../../../src/store/remote/index.ts";
import { createManualClock } from "../../../src/testing/index.ts";
import { withMember } from "./changed-store.ts";
import { createCuttableLink, type CuttableLink } from "./cuttable-link.ts";
import { serveWithoutKeys } from "./changed-server.ts";

const ID = "01900000-0000-7000-8000-000000000001";
const metadata = { cwd: "/work" };
const closings: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

async function open(url: string, options: Partial<RemoteThreadStoreOptions> = {}): Promise<ThreadStore> {
  const store = await openRemoteThreadStore({ url, ...options });
  closings.push(() => store.close());
  return store;
}

function said(message: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message } };
}

/**
 * A served store behind a link; `made` is called when a thread was made and before that is answered. Its server can be
 * started again, as one that knows creation keys or as an older one.
 */
async function servedStore(
  made: (calls: number, opened: OpenedThread) => Promise<void>,
  begin: "today" | "without keys" = "today",
) {
  const memory = createMemoryThreadStore();
  let calls = 0;
  const store = withMember(memory, "createThread", async (params: CreateThreadParams): Promise<OpenedThread> => {
    const opened = await memory.createThread(params);
    calls += 1;
    await made(calls, opened);
    return opened;
  });
  const serve = async (kind: "today" | "without keys") => {
    const server = kind === "today" ? await serveThreadStore({ store }) : await serveWithoutKeys(store);
    closings.push(() => server.close());
    return server;
  };
  let server = await serve(begin);
  const link: CuttableLink = await createCuttableLink(() => server.port);
  closings.push(() => link.cut());
  const restart = async (kind: "today" | "without keys" = "today"): Promise<void> => {
    await server.close();
    server = await serve(kind);
  };
  return { memory, link, url: `http://127.0.0.1:${server.port}`, restart, callCount: () => calls };
}

/** A thread with one message, to fork. */
async function storedThread(store: ThreadStore): Promise<string> {
  const { writer } = await store.createThread({ metadata });
  await store.appendItems({ writer, items: [said("one")] });
  await store.shutdownThread(writer);
  return writer.threadId;
}

describe("a thread whose making was answered over a connection that was lost", () => {
  test.each([[{ threadId: ID }], [{}]])("is made once, and its writer is told to the next try: %j", async (given) => {
    const { link, callCount } = await servedStore(async (calls) => {
      if (calls > 1) return;
      await link.cut();
      link.mend();
    });
    const client = await open(link.url);
    const { writer } = await client.createThread({ ...given, metadata });
    expect(callCount()).toBe(1);
    expect(await client.appendItems({ writer, items: [said("one")] })).toMatchObject({ firstOrdinal: 1 });
    expect((await client.listThreads()).data.map(({ id }) => id)).toEqual([writer.threadId]);
    // Its writer is an ordinary one: when it goes, the thread is others' to write.
    await client.shutdownThread(writer);
    expect((await client.resumeThread({ threadId: writer.threadId })).nextOrdinal).toBe(2);
  });

  test("is one fork, not two", async () => {
    const { link, callCount, memory } = await servedStore(async (calls) => {
      if (calls > 1) return;
      await link.cut();
      link.mend();
    });
    const threadId = await storedThread(memory);
    const client = await open(link.url);
    const fork = await client.createThread({ metadata, fork: { threadId, endOrdinal: 2 } });
    expect(callCount()).toBe(1);
    expect(fork.nextOrdinal).toBeGreaterThan(0);
    expect((await client.listThreads()).data).toHaveLength(2);
  });

  test("is one fork, not two, also when another client took it meanwhile; its writer is told to be gone", async () => {
    const { link, url, callCount, memory } = await servedStore(async (calls, { writer }) => {
      if (calls > 1) return;
      await link.cut();
      void take(writer.threadId);
    });
    const take = async (threadId: string): Promise<void> => {
      const other = await open(url);
      // When the server has found out that the connection is gone.
      await vi.waitFor(() => other.resumeThread({ threadId }), 5_000);
      link.mend();
    };
    const threadId = await storedThread(memory);
    const client = await open(link.url);
    const { writer } = await client.createThread({ metadata, fork: { threadId, endOrdinal: 2 } });
    expect(callCount()).toBe(1);
    expect((await client.listThreads()).data).toHaveLength(2);
    const append = client.appendItems({ writer, items: [said("two")] });
    await expect(append).rejects.toMatchObject({ code: "writer_closed", retryable: true });
  });

  test("is a fork that may be there when the session went too: connection_lost, and no second one", async () => {
    const { link, restart, callCount, memory } = await servedStore(async () => {
      await link.cut();
      void restart().then(() => link.mend());
    });
    const threadId = await storedThread(memory);
    const client = await open(link.url);
    const making = client.createThread({ metadata, fork: { threadId, endOrdinal: 2 } });
    await expect(making).rejects.toMatchObject({ code: "connection_lost", retryable: true });
    expect(callCount()).toBe(1);
    expect((await client.listThreads()).data).toHaveLength(2);
  });

  test("is a fork that may be there, and no second one, when another call began the next session", async () => {
    const clock = createManualClock();
    const { link, restart, callCount, memory } = await servedStore(async (calls) => {
      if (calls === 1) await link.cut();
    });
    const threadId = await storedThread(memory);
    const client = await open(link.url, { clock });
    let outcome: unknown;
    const making = client.createThread({ metadata, fork: { threadId, endOrdinal: 2 } }).then(
      () => {
        outcome = "made";
      },
      (error: unknown) => {
        outcome = error;
      },
    );
    await vi.waitFor(() => expect(callCount()).toBe(1), 5_000);
    await restart();
    link.mend();
    // The fork waits on the clock, which stands, for its next try. This call never does: it fails at once, or is done.
    await vi.waitFor(() => client.updateThreadMetadata({ threadId, patch: { name: "next" } }), 5_000);
    while (outcome === undefined) {
      await clock.run(50);
      await Promise.race([making, new Promise<void>((resolve) => setTimeout(resolve, 5))]);
    }
    expect(outcome).toMatchObject({ code: "connection_lost", retryable: true });
    expect(callCount()).toBe(1);
  });

  test("is one fork, not two, also when its server was set back meanwhile to one that knows no keys", async () => {
    const { link, restart, callCount, memory } = await servedStore(async (calls) => {
      if (calls > 1) return;
      await link.cut();
      link.mend();
    });
    const threadId = await storedThread(memory);
    const client = await open(link.url);
    await restart("without keys");
    const making = client.createThread({ metadata, fork: { threadId, endOrdinal: 2 } });
    await expect(making).rejects.toMatchObject({ code: "connection_lost", retryable: true });
    expect(callCount()).toBe(1);
    expect((await client.listThreads()).data).toHaveLength(2);
  });

  test("is made once and told, also when its server knew no keys when the client was opened, and does by now", async () => {
    const { link, restart, callCount, memory } = await servedStore(async (calls) => {
      if (calls > 1) return;
      await link.cut();
      link.mend();
    }, "without keys");
    const threadId = await storedThread(memory);
    const client = await open(link.url);
    await restart();
    const { writer } = await client.createThread({ metadata, fork: { threadId, endOrdinal: 2 } });
    expect(callCount()).toBe(1);
    expect(await client.appendItems({ writer, items: [said("two")] })).toMatchObject({ duplicate: false });
  });

  test("is made again in the next session, for the first one went with the last", async () => {
    const { link, restart, callCount } = await servedStore(async (calls) => {
      if (calls > 1) return;
      await link.cut();
      void restart().then(() => link.mend());
    });
    const client = await open(link.url);
    const { writer } = await client.createThread({ threadId: ID, metadata });
    expect(callCount()).toBe(2);
    expect(await client.appendItems({ writer, items: [said("one")] })).toMatchObject({ firstOrdinal: 1 });
  });
});

describe("a thread whose making was given up", () => {
  test("leaves its id free for the client that asks for it again, when the server is there again", async () => {
    const clock = createManualClock();
    const { link, callCount } = await servedStore(async () => {
      if (isAway) await link.cut();
    });
    let isAway = true;
    const client = await open(link.url, { clock, callTimeoutMs: 2_000 });
    let outcome: unknown;
    const making = client.createThread({ threadId: ID, metadata }).catch((error: unknown) => {
      outcome = error;
    });
    while (outcome === undefined) {
      await clock.run(250);
      await new Promise<void>((resolve) => setTimeout(resolve, 5));
    }
    await making;
    expect(outcome).toMatchObject({ code: "connection_lost", retryable: true });
    isAway = false;
    link.mend();
    let opened: OpenedThread | undefined;
    const again = client.createThread({ threadId: ID, metadata }).then((answer) => {
      opened = answer;
    });
    while (opened === undefined) {
      await clock.run(50);
      await Promise.race([again, new Promise<void>((resolve) => setTimeout(resolve, 5))]);
    }
    expect(callCount()).toBe(2);
    const append = client.appendItems({ writer: opened.writer, items: [said("one")] });
    expect(await append).toMatchObject({ firstOrdinal: 1 });
  });

  test("leaves its id free when it was too slow, once it is made; others do not wait for it", async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { url } = await servedStore(async (calls) => {
      if (calls === 1) await released;
    });
    const client = await open(url, { callTimeoutMs: 1_500 });
    const slow = client.createThread({ threadId: ID, metadata });
    await expect(slow).rejects.toMatchObject({ code: "timed_out", retryable: true });
    await client.createThread({ metadata });
    const again = client.createThread({ threadId: ID, metadata });
    release();
    const { writer } = await again;
    expect(await client.appendItems({ writer, items: [said("one")] })).toMatchObject({ firstOrdinal: 1 });
  });

  test("leaves its id free when it was given up again and again, while the first was on its way", async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { url } = await servedStore(async (calls) => {
      if (calls === 1) await released;
    });
    const client = await open(url, { callTimeoutMs: 700 });
    const make = (): Promise<OpenedThread | string> =>
      client
        .createThread({ threadId: ID, metadata })
        .catch((error: unknown) => (isSkeinError(error) ? error.code : "no code"));
    expect([await make(), await make()]).toEqual(["timed_out", "timed_out"]);
    const third = make();
    // Begins behind it, so it is on the server by then.
    await Promise.allSettled([client.resumeThread({ threadId: "01900000-0000-7000-8000-000000000002" })]);
    release();
    let outcome = await third;
    // A machine that is busy may take longer than that for any call.
    for (let tries = 0; outcome === "timed_out" && tries < 10; tries += 1) outcome = await make();
    expect(outcome).toMatchObject({ writer: { threadId: ID } });
  });

  test("leaves its id free when its client was closed meanwhile", async () => {
    let release = (): void => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    const { url, callCount } = await servedStore(async (calls) => {
      if (calls === 1) await released;
    });
    const client = await openRemoteThreadStore({ url, callTimeoutMs: 500 });
    await expect(client.createThread({ threadId: ID, metadata })).rejects.toMatchObject({ code: "timed_out" });
    await client.close();
    release();
    const other = await open(url);
    const { writer } = await other.createThread({ threadId: ID, metadata });
    expect(callCount()).toBe(2);
    expect(await other.appendItems({ writer, items: [said("one")] })).toMatchObject({ firstOrdinal: 1 });
  });
});
