/**
 * The same home seen by both: which threads there are, what each list entry says, and what each thread
 * reads as, turn by turn and item by item. And the model's view: Codex goes on with a thread, and what
 * it sends must be what Skein would have sent.
 */
import type { Thread } from "../../src/index.ts";
import {
  LIST_DIFFERENCES,
  LISTED_DIFFERENCES,
  READ_DIFFERENCES,
  ROLLED_BACK_OVER_COMPACTION,
  TIME_DIFFERENCES,
} from "./allowed-differences.ts";
import type { AllowedDifference, CheckReport } from "./check-report.ts";
import type { CodexDriver } from "./codex-driver.ts";
import type { ConformanceLab } from "./conformance-lab.ts";
import { textOf } from "./mock-responses-server.ts";
import { alignedContexts, modelContextView } from "./model-context-view.ts";

/** A home that both have visited, and the names its threads go by. */
export interface SharedHome {
  readonly path: string;
  /** Ids by name; a scenario adds its forks. */
  readonly threads: Map<string, string>;
}

/** All threads of a home, as one side shows them. */
interface HomeView {
  readonly live: readonly Thread[];
  readonly archived: readonly Thread[];
  /** By id; absent where reading failed, which is reported. */
  readonly read: ReadonlyMap<string, Thread>;
}

/** One comparison. */
export interface HomeComparison {
  readonly part: string;
  /** More differences that may be, beside those of every list and read. */
  readonly allowed?: readonly AllowedDifference[];
}

/** Opens the home with each, one after the other, and compares everything they show. */
export async function compareHome(lab: ConformanceLab, home: SharedHome, comparison: HomeComparison): Promise<void> {
  const { report } = lab;
  const { part, allowed = [] } = comparison;
  const skein = await lab.withSkein(home.path, (visit) => view({ report, part, home }, visit));
  const codex = await lab.withCodex(home.path, (visit) => view({ report, part, home }, visit));
  for (const state of ["live", "archived"] as const) {
    const subject = { part, thread: "(all)", claim: `both list the same ${state} threads` };
    report.same(subject, { skein: presence(skein[state]), codex: presence(codex[state]) }, LISTED_DIFFERENCES);
    for (const codexThread of codex[state]) {
      const listed = skein[state].find(({ id }) => id === codexThread.id);
      if (listed === undefined) continue; // Said by the check above.
      const values = { skein: besideTime(listed), codex: besideTime(codexThread) };
      const entry = { part, thread: nameOf(home, codexThread), claim: "lists alike" };
      report.same(entry, values, [...LIST_DIFFERENCES, ...allowed]);
    }
  }
  for (const [id, codexThread] of codex.read) {
    const values = { skein: besideTime(skein.read.get(id)), codex: besideTime(codexThread) };
    const subject = { part, thread: nameOf(home, codexThread), claim: "reads alike, all turns" };
    report.same(subject, values, [...READ_DIFFERENCES, ...allowed]);
  }
  const times = { part, thread: "(all)", claim: "says when each changed last" };
  report.same(
    times,
    { skein: timesOf(skein.read, codex.read), codex: timesOf(codex.read, codex.read) },
    TIME_DIFFERENCES,
  );
}

/** Times are compared in one check of their own: they differ often, as listed, and would hide the rest. */
function besideTime(thread: Thread | undefined): object | undefined {
  return thread === undefined ? undefined : { ...thread, updatedAt: 0 };
}

function timesOf(threads: ReadonlyMap<string, Thread>, wanted: ReadonlyMap<string, Thread>): object {
  return Object.fromEntries(
    [...wanted].map(([id, { createdAt }]) => [id, { createdAt, updatedAt: threads.get(id)?.updatedAt }]),
  );
}

interface HomeReader {
  listAll(archived: boolean): Promise<readonly Thread[]>;
  read(threadId: string): Promise<Thread>;
}

interface ViewSubject {
  readonly report: CheckReport;
  readonly part: string;
  readonly home: SharedHome;
}

async function view({ report, part, home }: ViewSubject, reader: HomeReader): Promise<HomeView> {
  const live = await reader.listAll(false);
  const archived = await reader.listAll(true);
  const read = new Map<string, Thread>();
  const listed = [...live, ...archived].map(({ id }) => id);
  for (const id of new Set([...home.threads.values(), ...listed])) {
    const thread = [...home.threads].find(([, known]) => known === id)?.[0] ?? id;
    const found = await report.attempt({ part, thread, claim: "can be read" }, () => reader.read(id));
    if (found !== undefined) read.set(id, found);
  }
  return { live, archived, read };
}

/** What is listed, by id; a thread without a preview says so, since Codex doesn't list those. */
function presence(threads: readonly Thread[]): Record<string, string> {
  return Object.fromEntries(
    threads.map(({ id, preview }) => [id, preview === "" ? "listed, without a preview" : "listed"]),
  );
}

/** The name a thread goes by in the report. */
export function nameOf(home: SharedHome, thread: Thread): string {
  for (const [name, id] of home.threads) if (id === thread.id) return name;
  return `(${JSON.stringify(thread.source)})`;
}

/** Codex resumes every thread and runs a turn; what its model gets is what Skein's would have. */
export async function codexGoesOn(lab: ConformanceLab, home: SharedHome, part: string): Promise<void> {
  const { report } = lab;
  const before = await lab.withSkein(home.path, async (skein) => {
    const seen = new Map<string, { readonly context: readonly object[]; readonly thread: Thread }>();
    for (const [name, id] of home.threads) {
      await report.attempt({ part, thread: name, claim: "Skein knows its model context" }, async () => {
        seen.set(name, { context: await skein.modelContext(id), thread: await skein.read(id) });
      });
    }
    return seen;
  });
  await lab.withCodex(home.path, async (codex) => {
    for (const [name, { context, thread }] of before) {
      await report.attempt({ part, thread: name, claim: "Codex goes on with it" }, () =>
        compareNextTurn({ lab, codex, part, name }, context, thread),
      );
    }
  });
}

interface NextTurn {
  readonly lab: ConformanceLab;
  readonly codex: CodexDriver;
  readonly part: string;
  readonly name: string;
}

async function compareNextTurn(next: NextTurn, context: readonly object[], thread: Thread): Promise<void> {
  const { lab, codex, part, name } = next;
  const resumed = await codex.resume(thread.id);
  const shown = { skein: { turns: thread.turns }, codex: { turns: (resumed["thread"] as Thread).turns } };
  lab.report.same({ part, thread: name, claim: "Codex resumes it with the same turns" }, shown, READ_DIFFERENCES);
  const asked = lab.model.requests.length;
  const text = `Codex goes on with ${name}`;
  const turn = await codex.turn(thread.id, text);
  const ended = { part, thread: name, claim: "a turn of Codex runs on it" };
  lab.report.holds(ended, turn.status === "completed", `the turn ended ${turn.status}: ${JSON.stringify(turn.error)}`);
  const request = lab.model.requests.slice(asked).find(({ input }) => {
    const last = input.at(-1);
    return last !== undefined && textOf(last) === text;
  });
  if (request === undefined) throw new Error("the model was not asked");
  const sent = modelContextView(request.input.slice(0, -1));
  const allowed = name.startsWith("rolledBackOverCompaction") ? ROLLED_BACK_OVER_COMPACTION : [];
  const subject = { part, thread: name, claim: "its model gets what Skein's would" };
  lab.report.same(subject, alignedContexts(modelContextView(context), sent), allowed);
  const own = { part, thread: name, claim: "with its own model and instructions" };
  const isOwn = request.model === "mock-model" && (request.instructions ?? "").startsWith("You are");
  lab.report.holds(own, isOwn, `model ${request.model}, instructions ${request.instructions?.slice(0, 100)}`);
}
