/**
 * A process that appends on a home whose disk, limits or clock are bad: it does what its parent says, one JSON command
 * a line, and says each append before it asks and after it was answered, as the children of the crash tests do
 * (crash-reports.ts). Where its writer was closed, it resumes the thread and goes on.
 *
 * `pressure-child.ts OPTIONS`, a JSON object: see PressureOptions.
 */
import { unlinkSync, writeSync } from "node:fs";
import { createInterface } from "node:readline";

import {
  isSkeinError,
  type LocalThreadStore,
  openLocalThreadStore,
  openStateDb,
  type StateDb,
  type ThreadWriter,
} from "../../src/index.ts";
import { batchItems } from "../crash/crash-reports.ts";
import { clockPath } from "./fault-shim.ts";
import type { PressureCommand, PressureLine, PressureOptions } from "./pressure-process.ts";

const options = JSON.parse(process.argv[2] ?? "{}") as PressureOptions;
const { home, name, threads, paddingChars, withRows, durability } = options;

let stateDb: StateDb | undefined;
let store: LocalThreadStore | undefined;
const writers: (ThreadWriter | undefined)[] = [];
let lastId = options.firstId ?? 0;

function say(line: PressureLine): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

/** Says how it failed; null when it didn't. */
async function tried(id: number, work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    const { code, retryable } = isSkeinError(error) ? error : { code: "none", retryable: false };
    say({ say: "failed", id, error: String(error), code, retryable });
    return code;
  }
}

function theStore(): LocalThreadStore {
  if (store === undefined) throw new Error("the home is not open");
  return store;
}

async function open(): Promise<void> {
  if (withRows) stateDb = await openStateDb({ home });
  store = await openLocalThreadStore({ home, durability, ...(stateDb === undefined ? {} : { stateDb }) });
}

async function close(): Promise<void> {
  await store?.close();
  await stateDb?.close();
}

const threadIds: (string | undefined)[] = [];

/** The thread's writer, opened anew where there is none. */
async function writerOf(thread: number): Promise<ThreadWriter> {
  const open = writers[thread];
  if (open !== undefined) return open;
  const threadId = threadIds[thread];
  const { writer } =
    threadId === undefined
      ? await theStore().createThread({ metadata: { cwd: "/pressure" } })
      : await theStore().resumeThread({ threadId });
  writers[thread] = writer;
  return writer;
}

async function append(thread: number): Promise<string | null> {
  lastId += 1;
  const id = lastId;
  return tried(id, async () => {
    const writer = await writerOf(thread);
    const { threadId } = writer;
    const [batch, count] = [`batch-${name}-${id}`, 1 + (id % 3)];
    say({ say: "begin", id, intent: { what: "append", threadId, batch, count } });
    try {
      const items = batchItems(batch, count, paddingChars);
      const { firstOrdinal } = await theStore().appendItems({ writer, items, idempotencyKey: batch });
      threadIds[thread] = threadId;
      say({ say: "done", id, firstOrdinal });
    } catch (error) {
      if (isSkeinError(error, "writer_closed") || isSkeinError(error, "writer_fenced")) writers[thread] = undefined;
      throw error;
    }
  });
}

async function appendMany(times: number, failuresMax: number): Promise<void> {
  let failures = 0;
  for (let n = 0; n < times && failures < failuresMax; n += 1) {
    if ((await append(n % threads)) !== null) failures += 1;
  }
}

async function obey(command: PressureCommand): Promise<void> {
  switch (command.do) {
    case "open":
      await tried(0, open);
      return;
    case "append":
      await appendMany(command.times, command.failuresMax);
      return;
    case "list":
      await tried(0, async () => {
        const { data } = await theStore().listThreads({ limit: 1_000 });
        say({ say: "listed", threads: data.length });
      });
      return;
    case "jump":
      unlinkSync(clockPath(command.seconds));
      return;
    case "close":
      await tried(0, close);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  await obey(JSON.parse(line) as PressureCommand);
  say({ say: "obeyed" });
}
