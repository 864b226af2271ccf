/**
 * A row of the fault table: what is injected, how, and what must hold; and what a row is run with. The rows
 * themselves are in rows/, all of them together in fault-table.ts.
 */
import type { FaultBooks } from "./fault-books.ts";
import type { FaultSession } from "./operation-stage.ts";

/** What a row needs of the machine. `shim`: a C compiler on Linux. `tmpfs`, `loop`: root, and file systems to mount. */
export type FaultNeed = "shim" | "prlimit" | "setpriv" | "tmpfs" | "loop" | "root" | "signals";

/** One row. */
export interface FaultRow {
  /** `fault.WHAT.WHERE`, and never another one later. */
  readonly id: string;
  /** What is injected, for people. */
  readonly what: string;
  /** By which means. */
  readonly how: string;
  /** What must hold beside what holds for all (see fault-judge.ts). Absent: nothing. */
  readonly holds?: string;
  readonly needs: readonly FaultNeed[];
  /** Injects it, as often as the context says; what is broken stands in the books. */
  run(context: FaultContext): Promise<void>;
}

/** What a row is run with. */
export interface FaultContext {
  readonly books: FaultBooks;
  /** Operations that are ready to be hit; rows that need the layer are not run without. */
  readonly session: FaultSession;
  /** An empty folder that is gone after the run. */
  readonly folder: string;
  /** A bounded part of all there is to inject, as in `npm test`. */
  readonly isSmoke: boolean;
  /** Every call on the state DB too, where else some are drawn: an hour instead of minutes. */
  readonly isEvery: boolean;
  /** Cases side by side. */
  readonly lanes: number;
  /** Numbers in [0, 1) that follow from the seed. */
  random(): number;
  /** Told after each case, with how many there are. */
  onCase(done: number, total: number): void;
}

/** All of the cases, or in a smoke run so many of them, drawn by the seed. */
export function drawCases<Case>(context: FaultContext, cases: readonly Case[], smokeMax: number): readonly Case[] {
  return context.isSmoke ? draw(context, cases, smokeMax) : cases;
}

/** How many cases are drawn: in a smoke run of all, else of those on the state DB's files. */
interface CallBounds {
  readonly smokeMax: number;
  readonly rowsMax: number;
}

/**
 * The calls that are hit: all on logs and folders, and some of those on the state DB, of which there are hundreds in
 * an operation and which SQLite answers for.
 */
export function drawCalls<Case extends { readonly path: string }>(
  context: FaultContext,
  cases: readonly Case[],
  { smokeMax, rowsMax }: CallBounds,
): readonly Case[] {
  if (context.isSmoke) return draw(context, cases, smokeMax);
  if (context.isEvery) return cases;
  const isOnRows = ({ path }: Case): boolean => path.startsWith("skein.sqlite");
  const onRows = draw(context, cases.filter(isOnRows), rowsMax);
  return [...cases.filter((one) => !isOnRows(one)), ...onRows];
}

/** So many of them, one of each stretch, so that they lie apart. */
function draw<Case>(context: FaultContext, cases: readonly Case[], max: number): readonly Case[] {
  if (cases.length <= max) return cases;
  const stretch = cases.length / max;
  return Array.from({ length: max }, (_, n) => cases[Math.floor((n + context.random()) * stretch)]).filter(
    (drawn) => drawn !== undefined,
  );
}

/** Works through the cases, several at a time, each with the number of its lane. */
export async function runCases<Case>(
  context: FaultContext,
  cases: readonly Case[],
  work: (one: Case, lane: number) => Promise<void>,
): Promise<void> {
  const queue = [...cases];
  let done = 0;
  const goOn = async (lane: number): Promise<void> => {
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      await work(next, lane);
      done += 1;
      context.onCase(done, cases.length);
    }
  };
  await Promise.all(Array.from({ length: context.lanes }, (_, lane) => goOn(lane)));
}
