/**
 * What the state bench measures, one operation after another, and how each is asked of Skein and of the
 * peer. Both sides are asked for the same, and both say what they saw, so that a fast answer that is
 * another answer does not count. The peer's time is the round trip over its standard input and output,
 * Skein's that of the call in this process.
 */
import { appendFileSync } from "node:fs";

import { systemClock } from "../src/base/index.ts";
import { encodeLine, type Json } from "../src/events/index.ts";
import type { ListThreadsParams, ListThreadsResult, Runtime } from "../src/index.ts";
import type { ResumeOptions } from "../src/actors/index.ts";
import type { CodexProcess } from "./codex-process.ts";
import { HOME_ANSWER_WORD, HOME_PREVIEW_WORD, HOME_PROVIDER, type HomeThread } from "./home-generator.ts";
import type { CodexSide, SkeinSide } from "./state-db-sides.ts";

/** One run of one side. */
export interface Timed {
  readonly ms: number;
  /** What was answered, as far as both sides say the same: ids, counts. */
  readonly seen: Json;
  /** CPU of the whole process, where it is a process of its own. */
  readonly cpuMs?: number | null;
  /** The most memory of such a process. */
  readonly peakMb?: number | null;
  /** Until the modules of such a process were there. */
  readonly loadMs?: number;
}

/** What the peer's time is to be divided by, or the CPU that Skein may use. */
export type Goal = { readonly ratioMin: number } | { readonly cpuMsMax: number };

/** One line of the table. */
export interface Operation {
  readonly name: string;
  /** `start`: starts a process a run. `dear`: takes the peer seconds. */
  readonly cost: "start" | "dear" | "cheap";
  readonly goal: Goal | null;
  /** Run 0 is the first on this opening; it is told apart from the ones that are measured. */
  readonly skein?: (side: SkeinSide, run: number) => Promise<Timed>;
  readonly codex?: (side: CodexSide, run: number) => Promise<Timed>;
}

type Result = Readonly<Record<string, unknown>>;
type Page = { readonly data: readonly { readonly id: string }[] };
type Seer<Value> = (value: Value) => Json;
type Call = (runtime: Runtime, run: number) => Promise<Timed>;

const atLeast = (ratioMin: number): Goal => ({ ratioMin });

async function timed<Value>(call: () => Promise<Value>, see: Seer<Value>): Promise<Timed> {
  const beganMs = systemClock.monotonicMs();
  const value = await call();
  const ms = systemClock.monotonicMs() - beganMs;
  return { ms, seen: see(value) };
}

async function ask(peer: CodexProcess, method: string, params: object, see: Seer<Result>): Promise<Timed> {
  const answer = await peer.request(method, params);
  return { ms: answer.ms, seen: see(answer.result()) };
}

function onOpened(call: Call): (side: SkeinSide, run: number) => Promise<Timed> {
  return async (side, run) => call(await side.open(), run);
}

const idsOf = (page: Page): Json => page.data.map(({ id }) => id);
const resultIdsOf = (result: Result): Json => idsOf(result as unknown as Page);
const threadOf = (result: Result): { readonly id: string; readonly turns: readonly object[] } =>
  result["thread"] as { readonly id: string; readonly turns: readonly object[] };
const turnsOf = (result: Result): number => threadOf(result).turns.length;

/** Starts with and without a database. */
export function startOperations(what: string, isGoal: { readonly cold: boolean; readonly warm: boolean }): Operation[] {
  const skeinStart = async (side: SkeinSide, isCold: boolean, step: "open" | "listed"): Promise<Timed> => {
    const run = await side.runProcess(isCold);
    // What an opening leaves to be done later is done by the end.
    const { cpuMs, peakMb } = step === "open" ? run.open : run.closed;
    return { ms: run[step].ms, seen: null, cpuMs, peakMb, loadMs: run.loaded.ms };
  };
  const codexStart = async (side: CodexSide, isListed: boolean): Promise<Timed> => {
    const startMs = await side.start();
    const peer = await side.open();
    const list = isListed ? (await peer.request("thread/list", { limit: 25 })).ms : 0;
    const [cpuMs, peakMb] = [peer.cpuMs(), peer.peakMb()];
    await side.close();
    return { ms: startMs + list, seen: null, cpuMs, peakMb };
  };
  return [
    {
      name: `cold open with backfill, ${what}`,
      cost: "start",
      goal: isGoal.cold ? atLeast(8) : null,
      skein: (side) => skeinStart(side, true, "open"),
      codex: async (side) => {
        await side.removeDatabases();
        return codexStart(side, false);
      },
    },
    {
      name: `warm open, ${what}`,
      cost: "start",
      goal: isGoal.warm ? { cpuMsMax: 1_000 } : null,
      skein: (side) => skeinStart(side, false, "open"),
      codex: (side) => codexStart(side, false),
    },
    {
      name: `warm open and a list of 25, ${what}`,
      cost: "start",
      goal: isGoal.warm ? { cpuMsMax: 1_000 } : null,
      skein: (side) => skeinStart(side, false, "listed"),
      codex: (side) => codexStart(side, true),
    },
  ];
}

/** What the peer's lists show by default: its config's provider, and what people started themselves. */
const DEFAULTS: ListThreadsParams = { limit: 25, modelProviders: [HOME_PROVIDER], sources: ["cli", "vscode"] };

interface ListCase {
  readonly name: string;
  readonly goal: Goal | null;
  readonly skein: ListThreadsParams;
  readonly codex: object;
  readonly pages?: number;
}

function listOperation({ name, goal, skein, codex, pages = 1 }: ListCase): Operation {
  return {
    name,
    cost: "cheap",
    goal,
    skein: onOpened((runtime) =>
      timed(
        async () => {
          const ids: Json[] = [];
          let cursor: string | null = null;
          for (let page = 0; page < pages && (page === 0 || cursor !== null); page += 1) {
            const behind: { cursor?: string } = cursor === null ? {} : { cursor };
            const answer: ListThreadsResult = await runtime.listThreads({ ...DEFAULTS, ...skein, ...behind });
            ids.push(...answer.data.map(({ id }) => id));
            cursor = answer.nextCursor;
          }
          return ids;
        },
        (ids) => ids,
      ),
    ),
    codex: async (side) => {
      const peer = await side.open();
      const ids: Json[] = [];
      let ms = 0;
      let cursor: unknown = null;
      for (let page = 0; page < pages && (page === 0 || cursor !== null); page += 1) {
        const answer = await peer.request("thread/list", { limit: 25, ...codex, cursor });
        const result = answer.result();
        ms += answer.ms;
        ids.push(...(resultIdsOf(result) as Json[]));
        cursor = result["nextCursor"];
      }
      return { ms, seen: ids };
    },
  };
}

/** Lists and searches of a home of many threads. */
export function listOperations(threads: readonly HomeThread[], isGoal: boolean): Operation[] {
  const goal = (ratioMin: number): Goal | null => (isGoal ? atLeast(ratioMin) : null);
  const cwd = cwdOfSome(threads);
  const searched = { searchTerm: HOME_PREVIEW_WORD };
  const oldest = { sortKey: "updated_at", sortDirection: "asc" } as const;
  const whole = { limit: 100 };
  const pages = threads.length;
  return [
    {
      name: "the peer's round trip alone (thread/loaded/list)",
      cost: "cheap",
      goal: null,
      codex: async (side) => ask(await side.open(), "thread/loaded/list", {}, () => null),
    },
    listOperation({ name: "list of 25, defaults", goal: goal(20), skein: {}, codex: {} }),
    listOperation({
      name: "list of 25, useStateDbOnly",
      goal: goal(10),
      skein: { useStateDbOnly: true },
      codex: { useStateDbOnly: true },
    }),
    listOperation({ name: "list of 25, one cwd", goal: goal(50), skein: { cwds: [cwd] }, codex: { cwd } }),
    listOperation({ name: "list of 25, search term", goal: goal(50), skein: searched, codex: searched }),
    listOperation({ name: "list of 25, updated_at ascending", goal: null, skein: oldest, codex: oldest }),
    {
      ...listOperation({ name: "whole list, pages of 100", goal: null, skein: whole, codex: whole, pages }),
      cost: "dear",
    },
    searchOperation("full text, a rare word", HOME_ANSWER_WORD),
    searchOperation("full text, a common word", "error"),
  ];
}

/** A folder that is not the most used one, and of which there is a page. */
function cwdOfSome(threads: readonly HomeThread[]): string {
  const counts = new Map<string, number>();
  for (const { cwd } of threads) counts.set(cwd, (counts.get(cwd) ?? 0) + 1);
  const byCount = [...counts].toSorted(([, a], [, b]) => b - a);
  return byCount[Math.floor(byCount.length / 2)]?.[0] ?? "";
}

function searchOperation(name: string, query: string): Operation {
  const see: Seer<{ readonly data: readonly object[] }> = ({ data }) => data.length;
  return {
    name,
    cost: "cheap",
    goal: null,
    skein: onOpened((runtime) => timed(() => runtime.searchThreads({ query }), see)),
  };
}

const SHOWN_OF = 500;
/** How long a list may go on not to show what another program has appended. */
const SHOWN_MS_MAX = 10_000;

/** Another program's append, and the first list that shows it. */
export function freshnessOperation(): Operation {
  const append = (threads: readonly HomeThread[], run: number): string => {
    // Among the newest, because Codex looks at the newest 10,000 files alone.
    const shown = threads
      .filter((each) => !each.archived && each.modelProvider === HOME_PROVIDER && each.source === "cli")
      .slice(-SHOWN_OF);
    const thread = shown[(run * 7) % shown.length];
    if (thread === undefined) throw new Error("the home has no thread to append to");
    const item = {
      type: "event_msg",
      payload: { type: "agent_message", message: "from outside", phase: null },
    } as const;
    appendFileSync(thread.path, encodeLine(item, new Date(systemClock.nowMs()).toISOString()));
    return thread.id;
  };
  const untilShown = async (id: string, list: () => Promise<Timed>): Promise<Timed> => {
    for (let ms = 0; ms < SHOWN_MS_MAX;) {
      const run = await list();
      ms += run.ms;
      if (Array.isArray(run.seen) && run.seen[0] === id) return { ms, seen: id };
    }
    throw new Error(`no list showed the append in ${SHOWN_MS_MAX} ms`);
  };
  const params = { sortKey: "updated_at" } as const;
  return {
    name: "list that shows an append from outside",
    cost: "cheap",
    goal: null,
    skein: async (side, run) => {
      const runtime = await side.open();
      const id = append(side.home.threads, run);
      return untilShown(id, () => timed(() => runtime.listThreads({ ...DEFAULTS, ...params }), idsOf));
    },
    codex: async (side, run) => {
      const peer = await side.open();
      const id = append(side.home.threads, run);
      return untilShown(id, () => ask(peer, "thread/list", { limit: 25, ...params }, resultIdsOf));
    },
  };
}

/** Reads of one thread. */
export function readOperations(index: number, what: string, isLargest: boolean): Operation[] {
  const page = (itemsView: "summary" | "full"): Operation => ({
    name: `newest 20 turns, ${itemsView}, of ${what}`,
    cost: "cheap",
    goal: isLargest ? atLeast(100) : null,
    skein: async (side) => {
      const params = { threadId: bigId(side, index), limit: 20, itemsView };
      const runtime = await side.open();
      return timed(() => runtime.listTurns(params), idsOf);
    },
    codex: async (side) => {
      const params = { threadId: bigId(side, index), limit: 20, itemsView };
      return ask(await side.open(), "thread/turns/list", params, resultIdsOf);
    },
  });
  const read: Operation = {
    name: `read with all turns of ${what}`,
    cost: "dear",
    goal: atLeast(2),
    skein: async (side) => {
      const runtime = await side.open();
      return timed(
        () => runtime.readThread(bigId(side, index), { includeTurns: true }),
        ({ turns }) => turns.length,
      );
    },
    codex: async (side) =>
      ask(await side.open(), "thread/read", { threadId: bigId(side, index), includeTurns: true }, turnsOf),
  };
  return [page("summary"), page("full"), read];
}

interface Sided {
  readonly home: { readonly big: readonly HomeThread[] };
}

function bigId(side: Sided, index: number): string {
  const thread = side.home.big[index];
  if (thread === undefined) throw new Error(`the home has no large thread ${index}`);
  return thread.id;
}

/** Loads of one thread, each into a program that has loaded nothing. */
export function resumeOperations(index: number, what: string): Operation[] {
  const resume = (excludeTurns: boolean): Operation => ({
    name: `resume ${excludeTurns ? "without" : "with"} turns of ${what}`,
    cost: "dear",
    goal: excludeTurns ? atLeast(100) : null,
    skein: async (side) => {
      const runtime = await side.reopen();
      const options: ResumeOptions = { excludeTurns };
      return timed(
        () => runtime.resumeThread(bigId(side, index), options),
        (thread) => (excludeTurns ? thread.id : thread.snapshot().thread.turns.length),
      );
    },
    codex: async (side) => {
      const peer = await side.reopen();
      const see: Seer<Result> = (result) => (excludeTurns ? threadOf(result).id : turnsOf(result));
      return ask(peer, "thread/resume", { threadId: bigId(side, index), excludeTurns }, see);
    },
  });
  return [resume(true), resume(false)];
}

/** What writes: a fork of one thread, and a turn of it taken back. */
export function writeOperations(index: number, what: string): Operation[] {
  const fork = (excludeTurns: boolean): Operation => ({
    name: `fork${excludeTurns ? " without turns" : ""} of ${what}`,
    cost: "dear",
    goal: atLeast(50),
    skein: async (side, run) => {
      const runtime = await (run === 0 ? side.reopen() : side.open());
      let forkId = "";
      const forked = await timed(
        () => runtime.forkThread(bigId(side, index), { excludeTurns }),
        (thread) => {
          forkId = thread.id;
          return excludeTurns ? null : thread.snapshot().thread.turns.length;
        },
      );
      await runtime.deleteThread(forkId);
      return forked;
    },
    codex: async (side, run) => {
      const peer = await (run === 0 ? side.reopen() : side.open());
      const see: Seer<Result> = (result) => (excludeTurns ? null : turnsOf(result));
      return ask(peer, "thread/fork", { threadId: bigId(side, index), excludeTurns }, see);
    },
  });
  const rollback: Operation = {
    name: `rollback of 1 turn of ${what}`,
    cost: "dear",
    goal: atLeast(10),
    skein: async (side, run) => {
      const runtime = await (run === 0 ? side.reopen() : side.open());
      const thread = await runtime.resumeThread(bigId(side, index));
      return timed(
        () => thread.rollback(1),
        (snapshot) => snapshot.thread.turns.length,
      );
    },
    codex: async (side, run) => {
      const threadId = bigId(side, index);
      const peer = await (run === 0 ? side.reopen() : side.open());
      if (run === 0) await peer.request("thread/resume", { threadId, excludeTurns: true });
      return ask(peer, "thread/rollback", { threadId, numTurns: 1 }, turnsOf);
    },
  };
  return [fork(false), fork(true), rollback];
}
