/**
 * One home with two stores on it, each with its own state DB connection as two processes have them, and other
 * programs beside them: what can be done to it as plain data, and the doing. Every call of a store either works
 * or is refused for a reason that the world gives; anything else is thrown. Not a test.
 */
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";

import fc from "fast-check";

import { isSkeinError } from "../../src/base/index.ts";
import { type AppendableItem, encodeLine } from "../../src/events/index.ts";
import { createInlinePool, rebuildStateDbWith } from "../../src/projections/index.ts";
import type { ThreadStore, ThreadWriter } from "../../src/store/index.ts";
import { FolderWatch } from "../../src/workers/folder-watch.ts";
import { bytesOf } from "../events/log-reading.ts";
import { type CrashableStore, openCrashableStore } from "./crashable-store.ts";
import { event, metaItem, turnItems } from "./reaching-logs.ts";

/** Something that happens. `by`: which of the two stores; `at`: which thread or file, counted round. */
export type Deed =
  | { readonly do: "create" | "sweep" | "list" | "rebuild"; readonly by: number }
  | {
      readonly do: "append" | "rollback" | "shutdown" | "archive" | "unarchive" | "delete" | "fork" | "read" | "resume";
      readonly by: number;
      readonly at: number;
    }
  | { readonly do: "name"; readonly by: number; readonly at: number; readonly name: string | null }
  | { readonly do: "branch"; readonly by: number; readonly at: number; readonly branch: string | null }
  | { readonly do: "reopen" | "crash"; readonly by: number; readonly at: number }
  | { readonly do: "forget the database" }
  | { readonly do: "write outside"; readonly at: number; readonly text: string }
  | { readonly do: "cut outside"; readonly at: number; readonly bytes: number }
  | { readonly do: "move outside" | "copy outside"; readonly at: number; readonly folder: string }
  | {
      readonly do: "replace outside";
      readonly at: number;
      readonly how: "in place" | "renamed";
      readonly turns: number;
    }
  | { readonly do: "create outside"; readonly name: string; readonly time: string }
  | { readonly do: "remove outside" | "touch outside"; readonly at: number }
  | { readonly do: "name outside"; readonly at: number; readonly name: string }
  | { readonly do: "rewrite the index"; readonly keeps: boolean };

const arbAt = fc.nat(7);
const arbBy = fc.nat(1);

const OUTSIDE_TEXTS = [
  Buffer.from(bytesOf(turnItems("turn-outside", "outside"))).toString("latin1"),
  Buffer.from(bytesOf([event("user_message", { message: "from outside" })])).toString("latin1"),
  '{"timestamp":"2026-05',
  "\n",
  "no record\n",
  "\r\n",
] as const;
const FOLDERS = [
  "sessions/2025/01/02",
  "sessions",
  "archived_sessions",
  "archived_sessions/old",
  "sessions/copies",
] as const;

/** Anything that can happen. */
export function arbDeed(): fc.Arbitrary<Deed> {
  const own = <Do extends string>(doing: Do): fc.Arbitrary<{ do: Do; by: number; at: number }> =>
    fc.record({ do: fc.constant(doing), by: arbBy, at: arbAt });
  const alone = <Do extends string>(doing: Do): fc.Arbitrary<{ do: Do; by: number }> =>
    fc.record({ do: fc.constant(doing), by: arbBy });
  const outside = <Do extends string>(doing: Do): fc.Arbitrary<{ do: Do; at: number }> =>
    fc.record({ do: fc.constant(doing), at: arbAt });
  return fc.oneof(
    { weight: 6, arbitrary: alone("create") },
    { weight: 10, arbitrary: own("append") },
    { weight: 2, arbitrary: own("rollback") },
    { weight: 3, arbitrary: own("shutdown") },
    { weight: 2, arbitrary: own("resume") },
    { weight: 2, arbitrary: own("archive") },
    { weight: 2, arbitrary: own("unarchive") },
    own("delete"),
    { weight: 2, arbitrary: own("fork") },
    { weight: 2, arbitrary: own("read") },
    { weight: 2, arbitrary: alone("sweep") },
    { weight: 2, arbitrary: alone("list") },
    { weight: 1, arbitrary: alone("rebuild") },
    { weight: 2, arbitrary: own("reopen") },
    { weight: 3, arbitrary: own("crash") },
    fc.constant({ do: "forget the database" } as const),
    {
      weight: 3,
      arbitrary: fc.tuple(own("name"), fc.constantFrom("One", "Two", null)).map(([deed, name]) => ({ ...deed, name })),
    },
    fc.tuple(own("branch"), fc.constantFrom("main", null)).map(([deed, branch]) => ({ ...deed, branch })),
    {
      weight: 3,
      arbitrary: fc
        .tuple(outside("write outside"), fc.constantFrom(...OUTSIDE_TEXTS))
        .map(([deed, text]) => ({ ...deed, text })),
    },
    fc.tuple(outside("cut outside"), fc.integer({ min: 1, max: 300 })).map(([deed, bytes]) => ({ ...deed, bytes })),
    {
      weight: 2,
      arbitrary: fc
        .tuple(outside("move outside"), fc.constantFrom(...FOLDERS))
        .map(([deed, folder]) => ({ ...deed, folder })),
    },
    fc.tuple(outside("copy outside"), fc.constantFrom(...FOLDERS)).map(([deed, folder]) => ({ ...deed, folder })),
    fc
      .tuple(outside("replace outside"), fc.constantFrom("in place" as const, "renamed" as const), fc.nat(3))
      .map(([deed, how, turns]) => ({ ...deed, how, turns })),
    fc.record({
      do: fc.constant("create outside" as const),
      name: fc.constantFrom("notes", "rollout-2025-07-13T08-00-00"),
      time: fc.constantFrom("2025-07-13T08:00:00.000Z", "sometime", "2099-01-01T00:00:00.000Z"),
    }),
    outside("remove outside"),
    outside("touch outside"),
    fc.tuple(outside("name outside"), fc.constantFrom("Three", "")).map(([deed, name]) => ({ ...deed, name })),
    fc.boolean().map((keeps) => ({ do: "rewrite the index", keeps }) as const),
  );
}

/** Refusals that what happens beside a call may be the reason of. */
const EXPECTED = new Set([
  "thread_owned_elsewhere",
  "writer_fenced",
  "writer_closed",
  "thread_not_found",
  "thread_archived",
  "thread_not_archived",
  "rollout_unreadable",
  "thread_exists",
  "ordinal_conflict",
]);

const ALONE: ReadonlySet<Deed["do"]> = new Set<Deed["do"]>(["reopen", "crash", "forget the database"]);

export class HomeWorld {
  readonly home: string;
  readonly #isWatched: boolean;
  readonly #abandoned: CrashableStore[] = [];
  readonly #stores: CrashableStore[] = [];
  readonly #writers: Map<string, ThreadWriter>[] = [new Map(), new Map()];
  /** Threads that were made, by whom does not matter. */
  readonly #ids: string[] = [];
  /** Threads that were acknowledged, and that nobody deleted, cut or replaced since. */
  readonly acknowledged = new Set<string>();
  #deeds = 0;

  private constructor(home: string, isWatched: boolean) {
    this.home = home;
    this.#isWatched = isWatched;
  }

  static async open(home: string, isWatched: boolean): Promise<HomeWorld> {
    const world = new HomeWorld(home, isWatched);
    for (const by of [0, 1]) world.#stores[by] = await world.#openStore();
    return world;
  }

  get stores(): readonly CrashableStore[] {
    return this.#stores;
  }

  /** Every id that any file may hold. */
  get ids(): readonly string[] {
    return this.#ids;
  }

  /** Does some things at once, and what can only be done alone after them. */
  async doAll(deeds: readonly Deed[]): Promise<void> {
    const [alone, together] = [true, false].map((isAlone) => deeds.filter((deed) => ALONE.has(deed.do) === isAlone));
    await Promise.all((together ?? []).map((deed) => this.#doOrBeRefused(deed)));
    for (const deed of alone ?? []) await this.#doOrBeRefused(deed);
  }

  async close(): Promise<void> {
    for (const each of this.#stores) await each.close();
    for (const each of this.#abandoned) await each.store.close();
  }

  #openStore(): Promise<CrashableStore> {
    const start = async (
      home: string,
    ): Promise<{ changes(): Promise<readonly string[] | null>; close(): Promise<void> }> => {
      const watch = new FolderWatch(home);
      return { changes: () => watch.take(), close: async () => watch.close() };
    };
    return openCrashableStore(this.home, this.#isWatched ? start : null);
  }

  async #doOrBeRefused(deed: Deed): Promise<void> {
    try {
      await this.#do(deed);
    } catch (error) {
      if (isSkeinError(error) && (EXPECTED.has(error.code) || isExpected(error))) return;
      throw new Error(`${JSON.stringify(deed)} failed: ${String(error)}`, { cause: error });
    }
  }

  async #do(deed: Deed): Promise<void> {
    switch (deed.do) {
      case "create":
        return this.#create(deed.by);
      case "sweep":
        return void (await this.#stores[deed.by]?.stateDb.sweep());
      case "list":
        return void (await this.#store(deed.by).listThreads({ sortKey: "updated_at" }));
      case "rebuild":
        return void (await rebuildStateDbWith({ home: this.home }, createInlinePool()));
      case "reopen":
        await this.#stores[deed.by]?.close();
        this.#writers[deed.by]?.clear();
        this.#stores[deed.by] = await this.#openStore();
        return;
      case "crash":
        return this.#crash(deed.by, deed.at);
      case "forget the database":
        return this.#forget();
      case "write outside":
      case "cut outside":
      case "move outside":
      case "copy outside":
      case "replace outside":
      case "remove outside":
      case "touch outside":
        return this.#doOutside(deed);
      case "create outside":
        return this.#createOutside(deed.name, deed.time);
      case "name outside":
        return this.#nameOutside(this.#threadAt(deed.at), deed.name);
      case "rewrite the index":
        return this.#rewriteIndex(deed.keeps);
      default:
        return this.#doToThread(deed);
    }
  }

  async #doToThread(deed: Extract<Deed, { readonly at: number; readonly by: number }>): Promise<void> {
    const threadId = this.#threadAt(deed.at);
    if (threadId === undefined) return;
    const store = this.#store(deed.by);
    switch (deed.do) {
      case "append":
        return this.#append(deed.by, threadId, this.#turn());
      case "rollback":
        return this.#append(deed.by, threadId, [event("thread_rolled_back", { num_turns: 1 })]);
      case "resume":
        return void (await this.#resume(deed.by, threadId));
      case "shutdown": {
        const writer = this.#writers[deed.by]?.get(threadId);
        this.#writers[deed.by]?.delete(threadId);
        return writer === undefined ? undefined : store.shutdownThread(writer);
      }
      case "archive":
        return store.archiveThread(threadId);
      case "unarchive":
        return void (await store.unarchiveThread(threadId));
      case "delete":
        this.acknowledged.delete(threadId);
        return store.deleteThread(threadId);
      case "fork":
        return this.#fork(deed.by, threadId);
      case "read":
        return void (await store.listTurns({ threadId, itemsView: "full" }));
      case "name":
        return void (await store.updateThreadMetadata({ threadId, patch: { name: deed.name } }));
      case "branch":
        return void (await store.updateThreadMetadata({ threadId, patch: { git: { branch: deed.branch } } }));
      case "reopen":
      case "crash":
        return;
    }
  }

  #store(by: number): ThreadStore {
    const opened = this.#stores[by];
    if (opened === undefined) throw new TypeError(`no store ${by}`);
    return opened.store;
  }

  #threadAt(at: number): string | undefined {
    return this.#ids[at % Math.max(1, this.#ids.length)];
  }

  #turn(): readonly AppendableItem[] {
    this.#deeds += 1;
    return turnItems(`turn-${this.#deeds}`);
  }

  async #create(by: number): Promise<void> {
    const store = this.#store(by);
    const { writer } = await store.createThread({ metadata: { cwd: "/w" } });
    const { threadId } = writer;
    this.#ids.push(threadId);
    this.#writers[by]?.set(threadId, writer);
    await store.appendItems({ writer, items: this.#turn() });
    this.acknowledged.add(threadId);
  }

  async #resume(by: number, threadId: string): Promise<ThreadWriter> {
    const { writer } = await this.#store(by).resumeThread({ threadId });
    this.#writers[by]?.set(threadId, writer);
    return writer;
  }

  async #append(by: number, threadId: string, items: readonly AppendableItem[]): Promise<void> {
    const writer = this.#writers[by]?.get(threadId) ?? (await this.#resume(by, threadId));
    try {
      await this.#store(by).appendItems({ writer, items });
    } catch (error) {
      // Who was fenced looks again the next time.
      if (this.#writers[by]?.get(threadId) === writer) this.#writers[by]?.delete(threadId);
      throw error;
    }
  }

  async #fork(by: number, threadId: string): Promise<void> {
    const store = this.#store(by);
    const { nextOrdinal } = await store.loadHistory({ threadId });
    const endOrdinal = Math.floor(nextOrdinal / 2);
    const { writer } = await store.createThread({ metadata: { cwd: "/fork" }, fork: { threadId, endOrdinal } });
    this.#ids.push(writer.threadId);
    this.#writers[by]?.set(writer.threadId, writer);
    this.acknowledged.add(writer.threadId);
  }

  /** Appends once more and dies before the rows could follow. */
  async #crash(by: number, at: number): Promise<void> {
    const [dying, threadId] = [this.#stores[by], this.#threadAt(at)];
    if (dying === undefined) return;
    try {
      if (threadId !== undefined) await this.#append(by, threadId, this.#turn());
    } finally {
      dying.crash();
      this.#abandoned.push(dying);
      this.#writers[by]?.clear();
      this.#stores[by] = await this.#openStore();
    }
  }

  async #forget(): Promise<void> {
    for (const by of [0, 1]) {
      await this.#stores[by]?.close();
      this.#writers[by]?.clear();
    }
    for (const name of readdirSync(this.home)) {
      if (name.startsWith("skein.sqlite")) rmSync(join(this.home, name));
    }
    for (const by of [0, 1]) this.#stores[by] = await this.#openStore();
  }

  #doOutside(deed: Extract<Deed, { readonly at: number }> & { readonly do: `${string} outside` }): void {
    const files = rolloutsOf(this.home);
    const file = files[deed.at % Math.max(1, files.length)];
    if (file === undefined) return;
    switch (deed.do) {
      case "write outside":
        return appendFileSync(file, Buffer.from(deed.text, "latin1"));
      case "cut outside":
        this.#lose(file);
        return truncateSync(file, Math.max(0, statSync(file).size - deed.bytes));
      case "move outside":
        return moveTo(file, this.#freePath(deed.folder));
      case "copy outside": {
        const path = this.#freePath(deed.folder);
        mkdirSync(dirname(path), { recursive: true });
        return copyFileSync(file, path);
      }
      case "replace outside":
        return this.#replace(file, deed.how, deed.turns);
      case "remove outside":
        this.#lose(file);
        return rmSync(file);
      case "touch outside":
        return utimesSync(file, 1_767_225_600, 1_767_225_600 + this.#deeds);
      case "name outside":
    }
  }

  /** A thread of another program, whose log may have no time that can be read. */
  #createOutside(name: string, time: string): void {
    this.#deeds += 1;
    const id = `01900000-0000-7000-8000-${String(this.#deeds).padStart(12, "0")}`;
    this.#ids.push(id);
    const file = join(this.home, "sessions/2025/07/13", `${name}-${id}.jsonl`);
    mkdirSync(dirname(file), { recursive: true });
    const items = [metaItem(id, { timestamp: time }), ...this.#turn()];
    writeFileSync(file, items.map((item) => encodeLine(item, time)).join(""));
  }

  /** Another log under the name: of the same thread, shorter or longer. */
  #replace(file: string, how: "in place" | "renamed", turns: number): void {
    const ids = idsIn(file);
    this.#lose(file);
    const items = Array.from({ length: turns }, () => this.#turn()).flat();
    const bytes = bytesOf([metaItem(ids[0] ?? this.#ids[0]), ...items]);
    if (how === "in place") {
      writeFileSync(file, bytes);
      return;
    }
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  }

  #freePath(folder: string): string {
    this.#deeds += 1;
    return join(this.home, folder, `moved-${this.#deeds}.jsonl`);
  }

  #lose(file: string): void {
    for (const id of idsIn(file)) this.acknowledged.delete(id);
  }

  #nameOutside(threadId: string | undefined, name: string): void {
    if (threadId === undefined) return;
    const line = JSON.stringify({ id: threadId, thread_name: name, updated_at: "2026-05-05T10:00:00.000Z" });
    appendFileSync(join(this.home, "session_index.jsonl"), `${line}\n`);
  }

  #rewriteIndex(keeps: boolean): void {
    const index = join(this.home, "session_index.jsonl");
    if (!existsSync(index)) return;
    const lines = readFileSync(index, "utf8").split("\n").filter(Boolean);
    rmSync(index);
    if (keeps) writeFileSync(index, `${lines.toReversed().join("\n")}\n`);
  }
}

function isExpected(error: { readonly code: string; readonly message: string }): boolean {
  if (error.code === "io_error") return error.message.includes("in the way");
  return error.code === "invalid_argument" && /holds thread|to fork from/.test(error.message);
}

function rolloutsOf(home: string): readonly string[] {
  const folders = ["sessions", "archived_sessions"].map((name) => join(home, name)).filter((path) => existsSync(path));
  const entries = folders.flatMap((path) => readdirSync(path, { recursive: true, withFileTypes: true }));
  const files = entries.filter((entry) => entry.isFile() && entry.name.endsWith(".jsonl"));
  return files.map((entry) => join(entry.parentPath, entry.name)).toSorted();
}

function idsIn(file: string): readonly string[] {
  const text = readFileSync(file, "latin1");
  return [...text.matchAll(/"type":"session_meta","payload":\{"id":"([^"]+)"/g)].map(([, id]) => id ?? "");
}

function moveTo(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  renameSync(from, to);
}
