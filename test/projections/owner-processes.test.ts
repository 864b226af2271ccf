/**
 * Leases and thread owners among real processes: many that race, one that is stopped past its TTL and wakes
 * up, one that is killed; and many that open one damaged file at once. Waits are bounded; nothing is timed.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { openConnection } from "../../src/projections/sqlite-connection.ts";
import { nodeTypeFlags } from "../support/node-flags.ts";

const ENTRY = fileURLToPath(new URL("owner-child.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-tests", import.meta.url));
/** Long for a computer, short for a test: holders that are stopped must be waited out. */
const SHORT_TTL_MS = 400;
/** Longer than a test: what is taken before it is over was proven to be free. */
const LONG_TTL_MS = 60_000;
const THREAD = "01900000-0000-7000-8000-000000000001";

let folder = "";
let children: Child[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "skein-owner-processes-"));
});

afterEach(async () => {
  await Promise.all(children.map((child) => child.kill()));
  children = [];
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  readonly done?: unknown;
  readonly failed?: { readonly code: string; readonly data: Record<string, unknown> };
}

/** A process that obeys, see owner-child.ts. */
class Child {
  readonly process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(ttlMs: number) {
    const args = [...nodeTypeFlags(), ENTRY, dbPath(), String(ttlMs)];
    const env = { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE };
    this.process = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"], env });
    this.#ended = once(this.process, "exit");
    const { stdout } = this.process;
    if (stdout === null) throw new Error("a child has no output");
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
    children.push(this);
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  async ask(command: string): Promise<Answer> {
    this.process.stdin?.write(`${command}\n`);
    const { value, done } = await this.#answers.next();
    if (done === true) throw new Error(`the child ended without an answer to ${command}`);
    return JSON.parse(value) as Answer;
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    process.kill(this.pid, signal);
  }

  /** Lets it close its file and end. */
  async end(): Promise<void> {
    this.process.stdin?.end();
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.#ended;
  }
}

function dbPath(): string {
  return join(folder, "skein.sqlite");
}

/** Asks until the answer is another than a refusal. */
async function askUntilDone(child: Child, command: string): Promise<Answer> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const answer = await child.ask(command);
    if (answer.failed?.code !== "thread_owned_elsewhere") return answer;
    if (performance.now() > endMs) throw new Error(`${command} was refused for 20 s`);
  }
}

function writtenNotes(): string[] {
  const db = openConnection(dbPath(), { mode: "read-only" });
  try {
    return db.prepare<[], string>("SELECT value FROM meta WHERE key GLOB '0*' ORDER BY key").pluck().all();
  } finally {
    db.close();
  }
}

describe("a lease", () => {
  test("six processes that race for it have it one at a time, each time with a greater token", async () => {
    const rounds = 10;
    const racers = Array.from({ length: 6 }, () => new Child(LONG_TTL_MS));
    const answers = await Promise.all(racers.map((child) => child.ask(`race ${rounds}`)));
    expect(answers).toEqual(racers.map(() => ({ done: null })));
    const notes = writtenNotes();
    expect(notes).toHaveLength(2 * 6 * rounds);
    const tokens = notes.filter((_, n) => n % 2 === 0).map((note) => Number(note.split(" ")[1]));
    expect(tokens).toEqual(tokens.map((_, n) => n + 1));
    for (let n = 0; n < notes.length; n += 2) expect(notes[n + 1]).toBe(notes[n]?.replace("in", "out"));
  });

  test("a holder stopped past its TTL loses it, and its first write after waking is refused", async () => {
    const [sleeper, taker] = [new Child(SHORT_TTL_MS), new Child(SHORT_TTL_MS)];
    expect(await sleeper.ask("lease 20000")).toEqual({ done: 1 });
    expect(await sleeper.ask("write before")).toEqual({ done: null });
    sleeper.signal("SIGSTOP");
    expect(await taker.ask("lease 20000")).toEqual({ done: 2 });
    expect(await taker.ask("write taker")).toEqual({ done: null });
    sleeper.signal("SIGCONT");
    expect(await sleeper.ask("write after")).toMatchObject({ failed: { code: "lease_lost", data: { tokenNow: 2 } } });
    expect(writtenNotes()).toEqual(["before", "taker"]);
  });

  test("a write that waits in the pipe while its process sleeps is refused as it wakes", async () => {
    const [sleeper, taker] = [new Child(SHORT_TTL_MS), new Child(SHORT_TTL_MS)];
    await sleeper.ask("lease 20000");
    sleeper.signal("SIGSTOP");
    const waiting = sleeper.ask("write after");
    expect(await taker.ask("lease 20000")).toEqual({ done: 2 });
    sleeper.signal("SIGCONT");
    expect(await waiting).toMatchObject({ failed: { code: "lease_lost" } });
  });

  test("a holder that was killed is proven dead: nobody waits for its TTL", async () => {
    const [victim, heir] = [new Child(LONG_TTL_MS), new Child(LONG_TTL_MS)];
    expect(await victim.ask("lease 0")).toEqual({ done: 1 });
    expect(await heir.ask("lease 0")).toMatchObject({
      failed: { code: "backfill_running", data: { pid: victim.pid } },
    });
    await victim.kill();
    expect(await heir.ask("lease 0")).toEqual({ done: 2 });
  });
});

describe("a thread", () => {
  test("an owner stopped past its TTL loses it, and its first append after waking is refused", async () => {
    const [sleeper, taker] = [new Child(SHORT_TTL_MS), new Child(SHORT_TTL_MS)];
    expect(await sleeper.ask(`own ${THREAD}`)).toEqual({ done: 1 });
    expect(await sleeper.ask(`append ${THREAD}`)).toEqual({ done: "appended" });
    sleeper.signal("SIGSTOP");
    expect(await taker.ask(`own ${THREAD}`)).toMatchObject({
      failed: { code: "thread_owned_elsewhere", data: { pid: sleeper.pid, threadId: THREAD } },
    });
    expect(await askUntilDone(taker, `own ${THREAD}`)).toEqual({ done: 2 });
    const append = sleeper.ask(`append ${THREAD}`);
    sleeper.signal("SIGCONT");
    expect(await append).toMatchObject({ failed: { code: "thread_owned_elsewhere", data: { pid: taker.pid } } });
    expect(await taker.ask(`append ${THREAD}`)).toEqual({ done: "appended" });
    expect(readFileSync(`${dbPath()}.${THREAD}.log`, "utf8")).toBe(`${sleeper.pid}\n${taker.pid}\n`);
  });

  test("an owner that was killed is proven dead: its thread can be taken at once", async () => {
    const [victim, heir] = [new Child(LONG_TTL_MS), new Child(LONG_TTL_MS)];
    await victim.ask(`own ${THREAD}`);
    expect(await heir.ask(`own ${THREAD}`)).toMatchObject({ failed: { code: "thread_owned_elsewhere" } });
    await victim.kill();
    expect(await heir.ask(`own ${THREAD}`)).toEqual({ done: 2 });
    expect(await heir.ask(`append ${THREAD}`)).toEqual({ done: "appended" });
  });
});

describe("a file", () => {
  test("four processes that open a damaged one at once: one sets it aside, and all use the same new one", async () => {
    writeFileSync(dbPath(), "garbage".repeat(10_000));
    const openers = Array.from({ length: 4 }, () => new Child(LONG_TTL_MS));
    const answers = await Promise.all(openers.map((child) => child.ask("open")));
    const asides = answers
      .map(({ done }) => (done as { setAside: string | null }).setAside)
      .filter((path) => path !== null);
    expect(asides).toHaveLength(1);
    expect(readFileSync(asides[0] ?? "", "utf8")).toBe("garbage".repeat(10_000));
    for (const child of openers) expect(await child.ask(`write ${child.pid}`)).toEqual({ done: null });
    expect(writtenNotes()).toEqual(openers.map(({ pid }) => String(pid)));
    expect(readdirSync(folder).filter((name) => name.includes("damaged"))).toHaveLength(1);
  });

  test("a file left by a process that was killed is opened with what it held", async () => {
    const victim = new Child(LONG_TTL_MS);
    await victim.ask("write kept");
    await victim.kill();
    expect(existsSync(`${dbPath()}-wal`)).toBe(true);
    const heir = new Child(LONG_TTL_MS);
    expect(await heir.ask("open")).toEqual({ done: { setAside: null, wasUnclean: true } });
    expect(writtenNotes()).toEqual(["kept"]);
  });

  test("a damaged file that another process lives with stays until that one is gone", async () => {
    const [user, other] = [new Child(LONG_TTL_MS), new Child(LONG_TTL_MS)];
    await user.ask("write kept");
    await user.end();
    const living = new Child(LONG_TTL_MS);
    await living.ask("open");
    writeFileSync(dbPath(), "garbage".repeat(10_000));
    const opening = other.ask("open");
    await living.ask("open");
    expect(readdirSync(folder).filter((name) => name.includes("damaged"))).toEqual([]);
    await living.kill();
    expect(await opening).toMatchObject({ done: { setAside: expect.stringContaining("damaged") as unknown } });
  });
});

describe("a file that permissions keep from us is permission_denied, and stays as it is", () => {
  const denied = { failed: { code: "permission_denied" } };

  /** A sound file, closed, and a process that is not root. */
  async function createNobody(): Promise<Child> {
    const owner = new Child(LONG_TTL_MS);
    await owner.ask("write kept");
    await owner.end();
    const nobody = new Child(LONG_TTL_MS);
    await nobody.ask("become-nobody");
    return nobody;
  }

  afterEach(() => chmodSync(folder, 0o700));

  test("in a folder that may not be written, for a file that is there", async () => {
    const nobody = await createNobody();
    chmodSync(folder, 0o555);
    expect(await nobody.ask("open")).toMatchObject(denied);
    expect(await nobody.ask("read")).toMatchObject(denied);
    chmodSync(folder, 0o700);
    expect(writtenNotes()).toEqual(["kept"]);
  });

  test("in a folder that may not be written, for a file that would be made", async () => {
    const nobody = new Child(LONG_TTL_MS);
    await nobody.ask("become-nobody");
    chmodSync(folder, 0o555);
    expect(await nobody.ask("open")).toMatchObject(denied);
    expect(readdirSync(folder)).toEqual([]);
  });

  test("for a file that may not be read", async () => {
    const nobody = await createNobody();
    chmodSync(dbPath(), 0o000);
    rmSync(`${dbPath()}.lock`);
    chmodSync(folder, 0o777);
    expect(await nobody.ask("open")).toMatchObject(denied);
    expect(await nobody.ask("read")).toMatchObject(denied);
    chmodSync(dbPath(), 0o600);
    expect(writtenNotes()).toEqual(["kept"]);
  });
});
