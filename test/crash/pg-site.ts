/**
 * Where a row of the PostgreSQL crash test happens: a schema on a server, nodes that append to its threads, and the
 * books of all of it. It counts, measures how long nothing was acknowledged, and compares in the end.
 */
import { createIdSource } from "../../src/base/index.ts";
import { openPostgresThreadStore } from "../../src/store/postgres/index.ts";
import { createRandom } from "./crash-reports.ts";
import { type LedgerCheck, PgLedger } from "./pg-ledger.ts";
import { PgFollower } from "./pg-follower.ts";
import { PgNode, until } from "./pg-nodes.ts";

/** How a site is made. */
export interface SiteOptions {
  readonly seed: number;
  readonly threads: number;
  /** How long a node that shows no sign of life keeps its threads, milliseconds. */
  readonly leaseTtlMs: number;
}

/** What came of a row. */
export interface SiteResult extends Omit<LedgerCheck, "lengths"> {
  /** Records in the threads. */
  readonly records: number;
  /** Whether a node that only listened was told of each of them once and in order; wrongs are among the broken. */
  readonly isFollowed: boolean;
  /** How often each code was told to who appended. */
  readonly codes: Readonly<Record<string, number>>;
  /** Milliseconds from each fault until appends went on. */
  readonly waitsMs: readonly number[];
}

/**
 * What who appends may be told. An `ordinal_conflict` isn't among them: a thread's one writer knows where its thread
 * ends, whatever answers were lost, unless the server lost something or another writer wrote beside it.
 */
const EXPECTED_CODES: ReadonlySet<string> = new Set([
  "connection_lost",
  "thread_exists",
  "thread_owned_elsewhere",
  "timed_out",
  "writer_fenced",
]);
const EXAMPLES_MAX = 8;
const SCHEMA = "crash";
/** Nothing acknowledged for so long is a failure of its own. */
const WAIT_MS_MAX = 60_000;

export class PgSite {
  readonly random: () => number;
  readonly waitsMs: number[] = [];
  readonly #options: SiteOptions;
  readonly #threadIds: readonly string[];
  readonly #ledger = new PgLedger();
  readonly #all: PgNode[] = [];
  readonly #awaited = new Map<string, { readonly sinceMs: number; readonly victim: PgNode }>();
  #follower: PgFollower | undefined;
  #lastAtMs = 0;

  constructor(options: SiteOptions) {
    this.#options = options;
    this.random = createRandom(options.seed);
    const ids = createIdSource();
    this.#threadIds = Array.from({ length: options.threads }, () => ids.next());
  }

  get acknowledged(): number {
    return this.#ledger.acknowledged;
  }

  /** Nodes that run. */
  get nodes(): readonly PgNode[] {
    return this.#all.filter((node) => node.isRunning);
  }

  get threadIds(): readonly string[] {
    return this.#threadIds;
  }

  /** Starts a node. Those that start first take their share of the threads at once; a late one takes what is left by others. */
  startNode(url: string, share?: { readonly index: number; readonly of: number }): PgNode {
    const { leaseTtlMs } = this.#options;
    const isOwn = (index: number): boolean => share !== undefined && index % share.of === share.index;
    const wish = {
      url,
      schema: SCHEMA,
      node: `n${this.#all.length}`,
      seed: Math.floor(this.random() * 2 ** 31),
      leaseTtlMs,
      own: this.#threadIds.filter((_, index) => isOwn(index)),
      others: share?.of === 1 ? [] : this.#threadIds.filter((_, index) => !isOwn(index)),
    };
    const node = new PgNode(wish, {
      ledger: this.#ledger,
      onAcknowledged: ({ node: writer, threadId, atMs }) => {
        this.#lastAtMs = atMs;
        const wait = this.#awaited.get(threadId);
        if (wait === undefined || wait.victim === writer) return;
        this.#awaited.delete(threadId);
        this.waitsMs.push(Math.round(atMs - wait.sinceMs));
      },
    });
    this.#all.push(node);
    return node;
  }

  /** Starts a node that only listens. It must come before all others, as it is to be told of everything. */
  async startFollower(url: string): Promise<void> {
    this.#follower = await PgFollower.start(url, SCHEMA);
  }

  /** Waits until about so many more appends were acknowledged. */
  async appends(count: number): Promise<void> {
    const wanted = this.acknowledged + Math.ceil(count * (0.5 + this.random()));
    await this.until(`${wanted} acknowledged appends`, () => this.acknowledged >= wanted);
  }

  /** Waits until something is acknowledged after a fault, and notes how long that took. */
  async goesOn(faultAtMs: number): Promise<void> {
    const before = this.acknowledged;
    await this.until("an append after the fault", () => this.acknowledged > before);
    this.waitsMs.push(Math.round(this.#lastAtMs - faultAtMs));
  }

  /** Waits until other nodes have appended to all threads of one. Each thread's time is noted. */
  async takenOver(victim: PgNode, faultAtMs: number): Promise<void> {
    for (const threadId of victim.owned) this.#awaited.set(threadId, { sinceMs: faultAtMs, victim });
    await this.until("appends of other nodes to all threads of the one that is gone", () => this.#awaited.size === 0);
  }

  async until(what: string, isSo: () => boolean): Promise<void> {
    await until(what, isSo, { nodes: this.nodes, msMax: WAIT_MS_MAX });
  }

  /** Lets all nodes end in order, and compares what the server at `url` holds with the books. */
  async finish(url: string): Promise<SiteResult> {
    await Promise.all(this.nodes.map((node) => node.end()));
    const store = await openPostgresThreadStore({ url, schema: SCHEMA });
    try {
      const { lengths, ...check } = await this.#ledger.check(store);
      const codes = codesOf(this.#all);
      const told = Object.entries(codes).filter(([code]) => !EXPECTED_CODES.has(code));
      const wrong = [
        ...told.map(([code, count]) => `who appended was told ${code}, ${count} times`),
        ...((await this.#follower?.finish(lengths)) ?? []),
      ];
      return {
        ...check,
        records: [...lengths.values()].reduce((sum, length) => sum + length, 0),
        isFollowed: this.#follower !== undefined,
        broken: check.broken + wrong.length,
        examples: [...check.examples, ...wrong.slice(0, EXAMPLES_MAX)],
        codes,
        waitsMs: this.waitsMs,
      };
    } finally {
      await store.close();
    }
  }

  /** Kills what still runs. */
  async close(): Promise<void> {
    await Promise.all([this.#follower?.close(), ...this.nodes.map((node) => node.kill9())]);
  }
}

function codesOf(nodes: readonly PgNode[]): Readonly<Record<string, number>> {
  const codes: Record<string, number> = {};
  for (const node of nodes) for (const [code, count] of node.codes) codes[code] = (codes[code] ?? 0) + count;
  return codes;
}
