/**
 * Starts processes that share one home (state-db-child.ts) and asks them; and the long run of several that
 * all list, search, append and name at once, with what must be true after it. Used by the tests and by
 * `npm run state-db-stress`. Not a test: it throws where a promise was broken.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { nodeTypeFlags } from "../support/node-flags.ts";

const ENTRY = fileURLToPath(new URL("state-db-child.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-tests", import.meta.url));

/** An append that was acknowledged. */
export interface Ack {
  readonly threadId: string;
  readonly text: string;
}

/** What a process did in a busy run. */
export interface BusyReport {
  readonly acks: Ack[];
  readonly created: string[];
  /** The names that were acknowledged, by thread. */
  readonly names: Record<string, string>;
  readonly errors: string[];
  lists: number;
  searches: number;
  /** Threads that another process had. */
  refused: number;
}

/** What a child can be told. */
export type ChildCommand =
  | { readonly do: "open"; readonly stopAfter?: number }
  | { readonly do: "list" | "compare" | "verify" | "sweep" | "create" | "pour" | "rebuild" | "stop" }
  | { readonly do: "resume" | "turns" | "history"; readonly threadId: string }
  | { readonly do: "append" | "follow"; readonly threadId: string; readonly text: string }
  | { readonly do: "missing"; readonly acks: readonly Ack[] }
  | { readonly do: "busy"; readonly seconds: number; readonly known: readonly string[] };

/** What a child answers. */
export interface ChildAnswer {
  readonly done?: unknown;
  readonly failed?: { readonly code: string; readonly message: string; readonly data: Record<string, unknown> };
}

/** A process on a home. Whoever starts one kills it. */
export class StateDbChild {
  readonly #process: ChildProcess;
  readonly #answers: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  constructor(home: string, ttlMs: number) {
    const args = [...nodeTypeFlags(), ENTRY, home, String(ttlMs)];
    const env = { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE };
    this.#process = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"], env });
    this.#ended = once(this.#process, "exit");
    // What is written to one that was killed is lost, as it should be.
    this.#process.stdin?.on("error", () => undefined);
    const { stdout } = this.#process;
    if (stdout === null) throw new Error("a child has no output");
    this.#answers = createInterface({ input: stdout })[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.#process.pid ?? 0;
  }

  send(command: ChildCommand): void {
    this.#process.stdin?.write(`${JSON.stringify(command)}\n`);
  }

  /** The next answer; undefined after the process ended. */
  async next(): Promise<ChildAnswer | undefined> {
    const { value, done } = await this.#answers.next();
    return done === true ? undefined : (JSON.parse(value) as ChildAnswer);
  }

  async ask(command: ChildCommand): Promise<ChildAnswer> {
    this.send(command);
    const answer = await this.next();
    if (answer === undefined) throw new Error(`the child ended without an answer to ${command.do}`);
    return answer;
  }

  /** The answer, of a command that must not fail. */
  async get<Value>(command: ChildCommand): Promise<Value> {
    const { done, failed } = await this.ask(command);
    if (failed !== undefined) throw new Error(`${command.do} failed: ${JSON.stringify(failed)}`);
    return done as Value;
  }

  wake(): void {
    process.kill(this.pid, "SIGCONT");
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#ended;
  }
}

/** What a verification found. */
export interface Verified {
  readonly same: number;
  readonly others: readonly object[];
}

/** A thread as a child lists it. */
export interface ListedThread {
  readonly id: string;
  readonly name: string | null;
  readonly archived: boolean;
}

/** What a busy run did. */
export interface BusyTotals {
  readonly acks: number;
  readonly threads: number;
  readonly lists: number;
  readonly searches: number;
  readonly refused: number;
}

/** How a busy run is made. */
export interface BusyOptions {
  readonly home: string;
  readonly processes: number;
  readonly seconds: number;
  readonly ttlMs: number;
  /** Done meanwhile, by one more process. */
  readonly meanwhile?: (child: StateDbChild) => Promise<void>;
}

/** Lets processes be busy on one home, and checks what they were promised. Throws what was broken. */
export async function runBusy(options: BusyOptions): Promise<BusyTotals> {
  const { home, processes, seconds, ttlMs, meanwhile } = options;
  const children = Array.from({ length: processes }, () => new StateDbChild(home, ttlMs));
  const judge = new StateDbChild(home, ttlMs);
  try {
    await judge.get({ do: "open" });
    const before = await judge.get<readonly ListedThread[]>({ do: "list" });
    const known = before.map(({ id }) => id);
    const live = before.filter(({ archived }) => !archived).map(({ id }) => id);
    await Promise.all(children.map((child) => child.get({ do: "open" })));
    const busy = children.map((child) => child.get<BusyReport>({ do: "busy", seconds, known: live }));
    const [reports] = await Promise.all([Promise.all(busy), meanwhile?.(judge)]);
    await Promise.all(children.map((child) => child.kill()));
    await checkAfter({ judge, known, reports });
    return totalsOf(reports);
  } finally {
    await Promise.all([judge, ...children].map((child) => child.kill()));
  }
}

async function checkAfter(run: {
  readonly judge: StateDbChild;
  readonly known: readonly string[];
  readonly reports: readonly BusyReport[];
}): Promise<void> {
  const { judge, known, reports } = run;
  const broken = reports.flatMap(({ errors }) => errors);
  const listed = await judge.get<readonly ListedThread[]>({ do: "list" });
  const created = reports.flatMap((report) => report.created);
  const ids = listed.map(({ id }) => id);
  for (const id of [...known, ...created]) {
    const times = ids.filter((other) => other === id).length;
    if (times !== 1) broken.push(`${id} is listed ${times} times`);
  }
  const names = new Map(listed.map(({ id, name }) => [id, name]));
  for (const [id, name] of reports.flatMap((report) => Object.entries(report.names))) {
    if (names.get(id) !== name) broken.push(`${id} was named "${name}" and is "${names.get(id)}"`);
  }
  broken.push(
    ...(await judge.get<readonly string[]>({ do: "missing", acks: reports.flatMap(({ acks }) => acks) })),
    ...(await judge.get<Verified>({ do: "verify" })).others.map((verdict) => JSON.stringify(verdict)),
  );
  if (broken.length > 0) throw new Error(`${broken.length} promises broken:\n${broken.slice(0, 20).join("\n")}`);
}

function totalsOf(reports: readonly BusyReport[]): BusyTotals {
  const sum = (count: (report: BusyReport) => number): number => reports.reduce((all, one) => all + count(one), 0);
  return {
    acks: sum(({ acks }) => acks.length),
    threads: sum(({ created }) => created.length),
    lists: sum(({ lists }) => lists),
    searches: sum(({ searches }) => searches),
    refused: sum(({ refused }) => refused),
  };
}
