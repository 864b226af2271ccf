/**
 * App-servers on one PostgreSQL, killed one after another: `skein serve --store` runs turns in many threads for a
 * client, dies by SIGKILL in the middle of them, and another one that serves the same database resumes the threads
 * and goes on. What the client had been told of turns and items, and the other server doesn't know, is counted.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { startPostgres } from "../support/postgres/postgres-server.ts";
import { skeinArguments, skeinEnvironment } from "../support/skein-process.ts";
import { createRandom } from "./crash-reports.ts";
import { startInstantModel } from "./instant-model.ts";
import { type Members, ServerProcess } from "./server-process.ts";
import { ToldFacts } from "./told-facts.ts";

/** How often, and how much in between. */
export interface AppServerWish {
  readonly seed: number;
  readonly rounds: number;
  readonly threads: number;
  /** Facts that the client is told before a kill, about. */
  readonly facts: number;
  /** A data folder of a server that is stopped. */
  readonly template: string;
}

/** What became of what clients were told. */
export interface AppServerResult {
  /** Facts that the client was told: turns accepted, started, completed, items completed. */
  readonly told: number;
  readonly missing: number;
  /** Milliseconds from each kill until the other server had resumed each thread. */
  readonly waitsMs: readonly number[];
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 8;
/** A dead node keeps its threads as long as its lease lasts: ten seconds. */
const TAKE_OVER_MS_MAX = 40_000;
const TAKE_PAUSE_MS = 200;

/** A client's connection to one server, and the turns it runs there. */
class TurnRunner {
  readonly server: ServerProcess;
  readonly facts = new Map<string, ToldFacts>();
  #told = 0;
  #isOver = false;
  readonly #wakes = new Map<string, () => void>();

  constructor(server: ServerProcess) {
    this.server = server;
    server.listen(({ method, members }) => {
      if (method !== null) this.#take(method, members["params"] as Members);
    });
  }

  get told(): number {
    return this.#told;
  }

  /** Runs one turn after another in a thread until `end`, or until the server is gone. */
  async run(threadId: string): Promise<void> {
    const facts = this.facts.get(threadId) ?? new ToldFacts();
    this.facts.set(threadId, facts);
    const input = [{ type: "text", text: "Who goes on when this server is gone?", text_elements: [] }];
    while (!this.#isOver) {
      const completed = new Promise<void>((resolve) => this.#wakes.set(threadId, resolve));
      const answer = await this.server.request("turn/start", { threadId, input }).catch((error: unknown) => error);
      if (answer instanceof Error) {
        if (this.#isOver) return;
        throw answer;
      }
      facts.accepted(threadId, String(((answer as Members)["turn"] as Members)["id"]));
      this.#told += 1;
      await completed;
    }
  }

  /** Kills the server; nothing is told from then on. */
  async kill(): Promise<void> {
    this.#isOver = true;
    await this.server.kill();
    for (const wake of this.#wakes.values()) wake();
  }

  #take(method: string, params: Members): void {
    const threadId = String(params["threadId"]);
    if (this.facts.get(threadId)?.take(method, params) != null) this.#told += 1;
    if (method === "turn/completed") this.#wakes.get(threadId)?.();
  }
}

/** Kills a server each round; the other one takes over and is the next that is killed. */
export async function killAppServers({
  seed,
  rounds,
  threads,
  facts,
  template,
}: AppServerWish): Promise<AppServerResult> {
  const random = createRandom(seed);
  const folder = await mkdtemp(join(tmpdir(), "skein-pg-servers-"));
  const database = await startPostgres({ fsync: true, copyOf: template });
  const model = await startInstantModel();
  const running = new Set<ServerProcess>();
  const start = async (): Promise<TurnRunner> => {
    const agent = ["--agent", "responses", "--base-url", model.shortUrl, "--model", "mock-model", "--provider", "mock"];
    const args = skeinArguments(["serve", "--listen", "stdio://", "--store", database.url, ...agent]);
    const env = skeinEnvironment({ OPENAI_API_KEY: "none", HOME: folder });
    const server = new ServerProcess({ program: process.execPath, args, cwd: folder, env });
    running.add(server);
    await server.ready();
    return new TurnRunner(server);
  };
  const counts = { told: 0, missing: 0 };
  const waitsMs: number[] = [];
  const examples: string[] = [];
  try {
    let [victim, heir] = [await start(), await start()];
    const ids: string[] = [];
    for (let index = 0; index < threads; index += 1) {
      const { thread } = (await victim.server.request("thread/start", { cwd: folder })) as { readonly thread: Members };
      ids.push(String(thread["id"]));
    }
    for (let round = 0; round < rounds; round += 1) {
      const turns = Promise.all(ids.map((id) => victim.run(id)));
      const wanted = facts * (0.5 + random());
      await Promise.race([turns, untilTold(victim, wanted)]);
      await victim.kill();
      const atMs = performance.now();
      await turns;
      running.delete(victim.server);
      for (const id of ids) {
        const thread = await resumed(heir.server, id);
        waitsMs.push(Math.round(performance.now() - atMs));
        const missing = victim.facts.get(id)?.missingIn(thread) ?? [];
        counts.missing += missing.length;
        examples.push(...missing.map((fact) => JSON.stringify(fact)));
      }
      counts.told += victim.told;
      [victim, heir] = [heir, await start()];
    }
    return { ...counts, waitsMs, examples: examples.slice(0, EXAMPLES_MAX) };
  } finally {
    await Promise.all([...running].map((server) => server.kill()));
    await model.close();
    await database.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function untilTold(runner: TurnRunner, wanted: number): Promise<void> {
  while (runner.told < wanted) await delay(2);
}

/** The thread as another server resumes it, once the lease of the one that is gone is over. */
async function resumed(server: ServerProcess, threadId: string): Promise<Members> {
  const end = performance.now() + TAKE_OVER_MS_MAX;
  for (;;) {
    const answer = await server.request("thread/resume", { threadId }).catch((error: unknown) => error);
    if (!(answer instanceof Error)) return (answer as { readonly thread: Members }).thread;
    if (!answer.message.includes("is owned by") || performance.now() > end) throw answer;
    await delay(TAKE_PAUSE_MS);
  }
}
