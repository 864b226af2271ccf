/**
 * A process that uses a home through its state DB as its parent says: one JSON command a line on standard
 * input, one answer a line on standard output. It uses what the package exports and nothing else, as a
 * program would. Started by state-db-run.ts.
 */
import { writeSync } from "node:fs";
import { createInterface } from "node:readline";

import {
  isSkeinError,
  type LocalThreadStore,
  openLocalThreadStore,
  openRuntime,
  openStateDb,
  rebuildStateDb,
  type StateDb,
  type StoredThread,
  type ThreadWriter,
  type Turn,
  verifyProjections,
} from "../../src/index.ts";
import type { Ack, BusyReport, ChildCommand } from "./state-db-run.ts";

const [home = "", ttlText = "10000"] = process.argv.slice(2);
const leaseTtlMs = Number(ttlText);
/** Less than the long TTL of the tests: what was waited out was not proven dead. */
const OPEN_WAIT_MS = 20_000;
const PAGE = 100;
const PAGES_MAX = 10_000;

let stateDb: StateDb | undefined;
let opened: LocalThreadStore | undefined;
const writers = new Map<string, ThreadWriter>();
let acknowledged = 0;

/** Straight into the pipe: what was said stays said, however this process ends. */
function say(line: object): void {
  const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
  for (let sent = 0; sent < bytes.length;) {
    try {
      sent += writeSync(1, bytes, sent);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}

function failureOf(error: unknown): object {
  const message = String(error);
  return isSkeinError(error) ? { code: error.code, data: error.data, message } : { code: "none", data: {}, message };
}

function stopHere(): void {
  process.kill(process.pid, "SIGSTOP");
}

/** Opens both. With `stopAfter`, it says so and stops itself when that many files are filled: no lock is held there. */
async function open(stopAfter?: number): Promise<unknown> {
  let hasStopped = false;
  stateDb = await openStateDb({
    home,
    leaseTtlMs,
    waitMaxMs: OPEN_WAIT_MS,
    ...(stopAfter === undefined ? {} : { workers: 1 }),
    onProgress: ({ filesDone, filesTotal }) => {
      if (stopAfter === undefined || hasStopped || filesDone < stopAfter) return;
      hasStopped = true;
      say({ done: { filesDone, filesTotal } });
      stopHere();
    },
  });
  opened = await openLocalThreadStore({ home, stateDb, durability: "os" });
  return stateDb.opening;
}

function theStore(): LocalThreadStore {
  if (opened === undefined) throw new Error("the store was not opened");
  return opened;
}

async function listAll(store: LocalThreadStore, archived: boolean): Promise<readonly StoredThread[]> {
  const threads: StoredThread[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const answer = await store.listThreads({ archived, limit: PAGE, ...(cursor === null ? {} : { cursor }) });
    threads.push(...answer.data);
    cursor = answer.nextCursor;
    if (cursor === null) return threads;
  }
  throw new Error(`a list of more than ${PAGES_MAX} pages`);
}

async function listEverything(store: LocalThreadStore): Promise<readonly StoredThread[]> {
  return [...(await listAll(store, false)), ...(await listAll(store, true))];
}

async function turnsOf(store: LocalThreadStore, threadId: string): Promise<readonly Turn[]> {
  const turns: Turn[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES_MAX; page += 1) {
    const own = cursor === null ? {} : { cursor };
    const answer = await store.listTurns({ threadId, itemsView: "full", limit: PAGE, ...own });
    turns.push(...answer.data);
    cursor = answer.nextCursor;
    if (cursor === null) return turns;
  }
  throw new Error(`turns of more than ${PAGES_MAX} pages`);
}

async function historyOf(store: LocalThreadStore, threadId: string): Promise<string> {
  const texts: string[] = [];
  for (let from = 0, isEnd = false; !isEnd;) {
    const page = await store.loadHistory({ threadId, from });
    texts.push(JSON.stringify(page.records));
    from = page.nextOrdinal;
    ({ isEnd } = page);
  }
  return texts.join("\n");
}

/** Which threads the state DB answers otherwise for than the files alone do; and how many there are. */
async function compare(): Promise<{ readonly threads: number; readonly differing: readonly string[] }> {
  const plain = await openLocalThreadStore({ home });
  const [fromRows, fromFiles] = [await listEverything(theStore()), await listEverything(plain)];
  const differing: string[] = [];
  if (JSON.stringify(fromRows) !== JSON.stringify(fromFiles)) differing.push("the list");
  for (const { id } of fromFiles) {
    const [rows, files] = [await turnsOf(theStore(), id), await turnsOf(plain, id)];
    if (JSON.stringify(rows) !== JSON.stringify(files)) differing.push(id);
  }
  await plain.close();
  return { threads: fromFiles.length, differing };
}

/** Which of these appends are not in their thread's turns, or not in its log. */
async function missing(acks: readonly Ack[]): Promise<readonly string[]> {
  const lost: string[] = [];
  const byThread = Map.groupBy(acks, ({ threadId }) => threadId);
  for (const [threadId, own] of byThread) {
    const turns = JSON.stringify(await turnsOf(theStore(), threadId));
    const history = await historyOf(theStore(), threadId);
    for (const { text } of own) {
      if (!turns.includes(`"${text}"`)) lost.push(`${text} is not in the turns of ${threadId}`);
      if (!history.includes(`"${text}"`)) lost.push(`${text} is not in the log of ${threadId}`);
    }
  }
  return lost;
}

/** The verdicts that are not "same", and how many there are in all. */
async function verify(): Promise<{ readonly same: number; readonly others: readonly object[] }> {
  let same = 0;
  const others: object[] = [];
  for await (const verdict of verifyProjections({ home, leaseTtlMs })) {
    if (verdict.outcome === "same") same += 1;
    else others.push(verdict);
  }
  return { same, others };
}

async function create(): Promise<string> {
  const { writer } = await theStore().createThread({ metadata: { cwd: `/srv/${process.pid}` } });
  writers.set(writer.threadId, writer);
  return writer.threadId;
}

async function resume(threadId: string): Promise<void> {
  writers.set(threadId, (await theStore().resumeThread({ threadId })).writer);
}

/** Appends a turn of one question and one answer. */
async function append(threadId: string, text: string): Promise<void> {
  const writer = writers.get(threadId);
  if (writer === undefined) throw new Error(`no writer of ${threadId}`);
  await theStore().appendItems({
    writer,
    items: [
      { type: "event_msg", payload: { type: "user_message", message: text } },
      { type: "event_msg", payload: { type: "agent_message", message: `answer to ${text}` } },
    ],
  });
}

async function shutdown(threadId: string): Promise<void> {
  const writer = writers.get(threadId);
  writers.delete(threadId);
  if (writer !== undefined) await theStore().shutdownThread(writer);
}

function nextText(): string {
  acknowledged += 1;
  return `text-${process.pid}-${acknowledged}`;
}

/** Makes, appends, names and takes other processes' threads, while it lists and searches, for so many seconds. */
class BusyRun {
  readonly report: BusyReport = { acks: [], created: [], names: {}, errors: [], lists: 0, searches: 0, refused: 0 };
  readonly #endMs: number;
  readonly #known: Set<string>;
  #step = 0;

  constructor(seconds: number, known: readonly string[]) {
    this.#endMs = performance.now() + seconds * 1_000;
    this.#known = new Set(known);
  }

  async run(): Promise<BusyReport> {
    await Promise.all([this.#repeat(() => this.#write()), this.#repeat(() => this.#read())]);
    for (const threadId of writers.keys()) await shutdown(threadId);
    return this.report;
  }

  async #repeat(work: () => Promise<void>): Promise<void> {
    while (performance.now() < this.#endMs) {
      try {
        await work();
      } catch (error) {
        if (isSkeinError(error, "thread_owned_elsewhere")) this.report.refused += 1;
        else this.report.errors.push(JSON.stringify(failureOf(error)));
      }
    }
  }

  async #append(threadId: string): Promise<void> {
    const text = nextText();
    await append(threadId, text);
    this.report.acks.push({ threadId, text });
  }

  async #write(): Promise<void> {
    this.#step += 1;
    if (this.#step % 4 === 0) await this.#visit();
    const threadId = await create();
    for (let n = 0; n < 3; n += 1) await this.#append(threadId);
    this.report.created.push(threadId);
    this.#known.add(threadId);
    const name = `name ${process.pid} ${this.#step}`;
    await theStore().updateThreadMetadata({ threadId, patch: { name } });
    this.report.names[threadId] = name;
    await this.#append(threadId);
    if (this.#step % 2 === 0) await shutdown(threadId);
  }

  /** Takes one of the threads that all know, where no other process has it. */
  async #visit(): Promise<void> {
    const ids = [...this.#known];
    const threadId = ids[(this.#step * 7) % ids.length];
    if (threadId === undefined || writers.has(threadId)) return;
    await resume(threadId);
    try {
      await this.#append(threadId);
    } finally {
      await shutdown(threadId);
    }
  }

  async #read(): Promise<void> {
    const wanted = [...this.#known];
    const listed = (await listAll(theStore(), false)).map(({ id }) => id);
    this.report.lists += 1;
    const found = new Set(listed);
    if (found.size < listed.length) this.report.errors.push("a list names a thread twice");
    for (const id of wanted) if (!found.has(id)) this.report.errors.push(`a list misses ${id}`);
    const last = this.report.acks.at(-1);
    if (last === undefined) return;
    const { data } = await theStore().searchThreads({ query: last.text });
    this.report.searches += 1;
    if (!data.some(({ thread }) => thread.id === last.threadId)) this.report.errors.push(`${last.text} is not found`);
  }
}

/** Appends until this process dies, and says each append that was acknowledged. */
async function pour(): Promise<never> {
  const flow = async (): Promise<never> => {
    for (;;) {
      const threadId = await create();
      for (let n = 0; n < 8; n += 1) {
        const text = nextText();
        await append(threadId, text);
        say({ done: { threadId, text } });
      }
      await theStore().updateThreadMetadata({ threadId, patch: { name: `name of ${threadId}` } });
      await shutdown(threadId);
    }
  };
  const reader = async (): Promise<never> => {
    for (;;) await listAll(theStore(), false);
  };
  return Promise.race([flow(), flow(), reader()]);
}

/** Follows a thread that another process writes until a text stands in it. */
async function follow(threadId: string, text: string): Promise<string> {
  if (stateDb === undefined) throw new Error("no state DB");
  const runtime = await openRuntime({ home, stateDb });
  try {
    for await (const event of await runtime.threadEvents(threadId, { pollIntervalMs: 20 })) {
      if (event.type === "record" && JSON.stringify(event.record).includes(`"${text}"`)) return text;
    }
    return "the feed ended";
  } finally {
    await runtime.close();
  }
}

async function obey(command: ChildCommand): Promise<unknown> {
  switch (command.do) {
    case "open":
      return open(command.stopAfter);
    case "list":
      return (await listEverything(theStore())).map(({ id, name, archived }) => ({ id, name, archived }));
    case "compare":
      return compare();
    case "missing":
      return missing(command.acks);
    case "verify":
      return verify();
    case "sweep":
      return stateDb?.sweep();
    case "create":
      return create();
    case "resume":
      return resume(command.threadId);
    case "append":
      return append(command.threadId, command.text);
    case "turns":
      return turnsOf(theStore(), command.threadId);
    case "history":
      return historyOf(theStore(), command.threadId);
    case "follow":
      return follow(command.threadId, command.text);
    case "busy":
      return new BusyRun(command.seconds, command.known).run();
    case "pour":
      return pour();
    case "rebuild":
      return rebuildStateDb({ home, leaseTtlMs });
    case "stop":
      say({ done: "stopping" });
      stopHere();
      return "awake";
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    say({ done: (await obey(JSON.parse(line) as ChildCommand)) ?? null });
  } catch (error) {
    say({ failed: failureOf(error) });
  }
}
await opened?.close();
await stateDb?.close();
