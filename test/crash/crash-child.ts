/**
 * The process that is killed: it keeps several appends, names, forks and moves going on a home, and says
 * each before it asks and after it was acknowledged. It never ends by itself.
 *
 * `crash-child.ts HOME SEED DURABILITY`
 */
import { writeSync } from "node:fs";

import { type FileSystem, nodeFileSystem, openLocalThreadStore } from "../../src/store/local/index.ts";
import type { OpenedThread } from "../../src/store/index.ts";
import { batchItems, createRandom, type Intent, type Report } from "./crash-reports.ts";

const [home = "", seedText = "0", durability = "fsync"] = process.argv.slice(2);
const random = createRandom(Number(seedText));
const below = (max: number): number => Math.floor(random() * max);
/** The real disk, but each write is cut into short ones with a moment between them, to be killed in. */
const fileSystem: FileSystem = {
  ...nodeFileSystem,
  async write(fd, bytes) {
    const taken = Math.max(300, Math.floor(bytes.byteLength * (0.2 + 0.7 * random())));
    const written = await nodeFileSystem.write(fd, bytes.subarray(0, taken));
    if (written < bytes.byteLength) {
      say({ say: "writing" });
      await new Promise((resolve) => setImmediate(resolve));
    }
    return written;
  },
};
const store = await openLocalThreadStore({ home, durability: durability === "os" ? "os" : "fsync", fileSystem });
const WORKERS = 3;
let lastId = 0;

/** Straight into the pipe: what was said stays said, however this process ends. */
function say(report: Report): void {
  writeSync(1, `${JSON.stringify(report)}\n`);
}

async function ask(intent: Intent, work: () => Promise<{ firstOrdinal?: number } | void>): Promise<void> {
  lastId += 1;
  const id = lastId;
  say({ say: "begin", id, intent });
  try {
    const answer = await work();
    say({ say: "done", id, ...(answer?.firstOrdinal === undefined ? {} : { firstOrdinal: answer.firstOrdinal }) });
  } catch (error) {
    say({ say: "failed", id, error: String(error) });
  }
}

async function append({ writer }: OpenedThread): Promise<void> {
  const { threadId } = writer;
  const batch = `batch-${seedText}-${lastId}-${below(1e9)}`;
  const count = 1 + below(6);
  const padding = random() < 0.2 ? below(400_000) : below(1_500);
  await ask({ what: "append", threadId, batch, count }, () =>
    store.appendItems({ writer, items: batchItems(batch, count, padding), idempotencyKey: batch }),
  );
}

async function open(ids: readonly string[]): Promise<OpenedThread> {
  const known = ids[below(ids.length * 2)];
  if (known !== undefined) return store.resumeThread({ threadId: known });
  return store.createThread({ metadata: { cwd: "/crash" } });
}

async function patch(threadId: string, n: number): Promise<void> {
  if (random() < 0.5) {
    const name = random() < 0.2 ? null : `name ${seedText} ${n}`;
    await ask({ what: "name", threadId, name }, async () => {
      await store.updateThreadMetadata({ threadId, patch: { name } });
    });
  } else {
    const branch = random() < 0.2 ? null : `branch-${seedText}-${n}`;
    await ask({ what: "branch", threadId, branch }, async () => {
      await store.updateThreadMetadata({ threadId, patch: { git: { branch } } });
    });
  }
}

async function move(threadId: string): Promise<void> {
  const { archived } = await store.readThread({ threadId });
  await ask({ what: archived ? "unarchive" : "archive", threadId }, async () => {
    await (archived ? store.unarchiveThread(threadId) : store.archiveThread(threadId));
  });
}

async function fork(sourceId: string): Promise<void> {
  const { nextOrdinal } = await store.loadHistory({ threadId: sourceId });
  const endOrdinal = below(nextOrdinal + 1);
  const threadId = `01900000-0000-7000-8000-${below(2 ** 47)
    .toString(16)
    .padStart(12, "0")}`;
  await ask({ what: "fork", threadId, sourceId, endOrdinal }, async () => {
    const { writer } = await store.createThread({
      threadId,
      metadata: { cwd: "/fork" },
      fork: { threadId: sourceId, endOrdinal },
    });
    await store.shutdownThread(writer);
  });
}

async function work(ids: readonly string[]): Promise<void> {
  for (;;) {
    const opened = await open(ids);
    const { threadId } = opened.writer;
    await append(opened);
    for (let n = 0; n < 12; n += 1) {
      const wish = random();
      if (wish < 0.7) await Promise.all(Array.from({ length: 1 + below(4) }, () => append(opened)));
      else if (wish < 0.85) await patch(threadId, n);
      else if (wish < 0.93) await fork(threadId);
      else await move(threadId);
    }
    if (random() < 0.1) {
      await ask({ what: "delete", threadId }, () => store.deleteThread(threadId));
    } else await store.shutdownThread(opened.writer);
  }
}

// Each worker has threads of its own, so that none fences another's writer.
const all = (await Promise.all([false, true].map((archived) => store.listThreads({ archived, limit: 1_000 })))).flatMap(
  (page) => page.data.map((thread) => thread.id),
);
await Promise.all(
  Array.from({ length: WORKERS }, (_, worker) =>
    work(all.filter((_id, index) => index % WORKERS === worker).slice(-4)),
  ),
);
