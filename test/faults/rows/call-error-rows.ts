/**
 * Errors of the system at each call by which an operation changes its home: a disk that fails, is full, or takes a
 * write by half. The process goes on: the caller must hear of it by a code, and the same operation must succeed
 * afterwards in the same process.
 */
import { type FaultContext, type FaultRow, drawCalls, drawCases, runCases } from "../fault-row.ts";
import { judgeHome } from "../fault-judge.ts";
import { OPERATIONS } from "../fault-operations.ts";
import type { FaultReport } from "../fault-process.ts";
import type { FaultPlan } from "../fault-shim.ts";
import { type OperationStage, placeOf } from "../operation-stage.ts";

/** An error, and the calls that answer with it. */
interface CallError {
  readonly id: string;
  readonly what: string;
  /** Kinds of calls, by their letters (fault-shim.ts). */
  readonly kinds: string;
  readonly plan: Pick<FaultPlan, "does" | "isHalf" | "isSticky">;
  /** Codes that a caller may be given. */
  readonly codes: readonly string[];
}

const CALL_ERRORS: readonly CallError[] = [
  {
    id: "eio-write",
    what: "EIO on a write",
    kinds: "w",
    plan: { does: "EIO" },
    codes: ["io_error"],
  },
  {
    id: "eio-sync",
    what: "EIO on a sync",
    kinds: "s",
    plan: { does: "EIO" },
    codes: ["io_error", "writer_closed"],
  },
  {
    id: "eio-name",
    what: "EIO on making, linking, renaming, removing or cutting a file",
    kinds: "cdlrtu",
    plan: { does: "EIO" },
    codes: ["io_error"],
  },
  {
    id: "enospc-write",
    what: "ENOSPC on a write and on all behind it",
    kinds: "w",
    plan: { does: "ENOSPC", isSticky: true },
    codes: ["disk_full"],
  },
  {
    id: "enospc-short-write",
    what: "a write that is taken by half, and ENOSPC on all behind it",
    kinds: "w",
    plan: { does: "ENOSPC", isHalf: true, isSticky: true },
    codes: ["disk_full"],
  },
];

/** Operations of a class of errors in a smoke run. */
const SMOKE_OPERATIONS = 1;
/** Cases of one class of errors and one operation. */
const CASES = { smokeMax: 1, rowsMax: 4 } as const;

interface ErrorCase {
  readonly stage: OperationStage;
  readonly path: string;
  readonly at: number;
}

async function failEverywhere(context: FaultContext, error: CallError): Promise<void> {
  const operations = drawCases(context, OPERATIONS, SMOKE_OPERATIONS);
  const stages: OperationStage[] = [];
  for (const operation of operations) stages.push(await context.session.stage(operation, context));
  const cases = stages.flatMap((stage) => {
    const hits = stage.calls.filter(({ kind }) => error.kinds.includes(kind));
    return drawCalls(
      context,
      hits.map(({ path }, index): ErrorCase => ({ stage, path, at: index + 1 })),
      CASES,
    );
  });
  await runCases(context, cases, (one, lane) => failOnce(context, error, { ...one, lane }));
}

async function failOnce(
  context: FaultContext,
  { what, kinds, plan, codes }: CallError,
  one: ErrorCase & { readonly lane: number },
): Promise<void> {
  const { books } = context;
  const { stage, at, lane } = one;
  const { facts, hit } = stage;
  const { home, end } = await hit(lane, { ...plan, at, kinds });
  const place = `${what}: ${placeOf(facts.operation, at, end.calls[at - 1])}`;
  if (end.calls.length >= at) books.inject();
  books.expect(end.exitCode === 0, `${place}: the child ended with ${end.exitCode ?? end.signal}: ${end.stderr}`);
  // Where its shared memory can't grow, SQLite says only that it failed; on a disk that is full indeed that is seen.
  const more = one.path.endsWith("-shm") ? ["io_error"] : [];
  const isExpected = (code: string): boolean =>
    [...codes, ...more, ...(facts.operation.codes ?? [])].some((known) => known === code);
  const done = reportOf(end.reports, "done");
  books.code(done?.error?.code ?? "acknowledged");
  // Rows are folded again where they were not written, so nobody waits for them; the home itself is synced by SQLite.
  const isOnRows = one.path === "" || one.path.startsWith("skein.sqlite");
  books.expect(isOnRows || done?.error !== null, `${place}: acknowledged all the same`);
  for (const report of end.reports) {
    const { code = "none", message = "" } = report.error ?? { code: undefined };
    const isFine = report.error === null || (isExpected(code) && report.what !== "again");
    books.expect(
      isFine || isDoneAlready(report, facts.operation.refusedAgain),
      `${place}: ${report.what}: ${code}: ${message}`,
    );
  }
  const isAcknowledged = end.reports.some(({ what: said, error }) => said !== "closed" && error === null);
  await judgeHome({ home, facts, isAcknowledged, place, books });
}

function reportOf(reports: readonly FaultReport[], what: FaultReport["what"]): FaultReport | undefined {
  return reports.find((report) => report.what === what);
}

/** What failed may have happened all the same, and says so when it is tried again. */
function isDoneAlready({ what, error }: FaultReport, refusedAgain: string | undefined): boolean {
  return what === "again" && error !== null && error.code === refusedAgain;
}

/** A row for each error, over all operations. */
export const CALL_ERROR_ROWS: readonly FaultRow[] = CALL_ERRORS.map((error) => ({
  id: `fault.${error.id}`,
  what: `${error.what}, in every operation`,
  how: "each such call of each operation fails; of the calls on the state DB some are drawn",
  holds: "the caller is given a code, and the same operation succeeds afterwards",
  needs: ["shim"],
  run: (context) => failEverywhere(context, error),
}));
