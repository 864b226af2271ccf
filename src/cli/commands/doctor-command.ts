/**
 * `skein doctor`: how the state DB is. Each thing that wants attention is said with what to do; it ends with 1
 * when there is any. It reads only, also from a file that is damaged, locked or newer.
 */
import type { ReportedLag, ReportedOwner, ReportedSet, StateDbReport } from "../../projections/index.ts";
import { type CliContext, withProgress } from "../cli-context.ts";
import { nextStepOf } from "../error-report.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { counted } from "../format/counted-word.ts";
import { formatBytes } from "../format/byte-count.ts";
import { formatLocalTime } from "../format/local-time.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { requireHome } from "../open-home.ts";
import { toJsonLine } from "../output.ts";

/** Prints the report. */
export async function runDoctor(
  context: CliContext,
  { check = false }: { readonly check?: boolean },
): Promise<ExitCode> {
  await requireHome(context);
  const { readStateDbReport } = await import("../../runtime/index.ts");
  const report = await withProgress(context, "doctor", () =>
    readStateDbReport(context.home, { checksIntegrity: check }),
  );
  const attention = attentionOf(report);
  if (context.json) await context.out.write(`${toJsonLine({ ...report, attention })}\n`);
  else {
    for (const line of factsOf(report)) await context.out.write(`${toPlainLine(line)}\n`);
    for (const line of attention) await context.out.write(`${context.out.paint("yellow", "!")} ${toPlainLine(line)}\n`);
    if (attention.length === 0) await context.out.write(`${context.out.paint("green", "nothing wants attention")}\n`);
  }
  return attention.length === 0 ? EXIT.ok : EXIT.failed;
}

const OWNERS_SHOWN = 10;

function factsOf(report: StateDbReport): readonly string[] {
  const { path, status, bytes, versions, sets, counts, lag, leases, owners, integrity } = report;
  const facts = [status === "missing" ? `${path}  missing: the next command that lists or searches makes it` : ""];
  if (status !== "missing") {
    const { file, wal, shm } = bytes;
    const sizes = `${formatBytes(file)}, WAL ${formatBytes(wal)}, shared memory ${formatBytes(shm)}`;
    facts[0] = `${path}  ${status}, ${sizes}`;
  }
  const schema = versions.schema === null ? "not known" : `${versions.schema}`;
  const own = `SQLite ${versions.sqlite}, schema ${versions.schemaKnown}, projection ${versions.projectionKnown}`;
  facts.push(`${own}; the file's schema: ${status === "missing" ? "none yet" : schema}`);
  facts.push(...sets.map(setLine));
  if (status === "ready") {
    const { rollouts, threads, turns, texts } = counts;
    facts.push(
      `${counted(threads, "thread")} from ${counted(rollouts, "file")}, ${counted(turns, "turn")}, ${counted(texts, "searchable message")}`,
    );
  }
  if (lag !== null) facts.push(lagLine(lag));
  facts.push(...leases.map((lease) => `lease ${ownerLine(lease)}`));
  facts.push(...owners.slice(0, OWNERS_SHOWN).map((owner) => `thread ${ownerLine(owner)}`));
  if (owners.length > OWNERS_SHOWN) facts.push(`and ${owners.length - OWNERS_SHOWN} more threads that are owned`);
  if (integrity !== "not checked") facts.push(`integrity: ${integrity}`);
  return facts;
}

function setLine({ generation, version, state, madeAtMs, backfill }: ReportedSet): string {
  const what = `set ${generation}: ${state}, projection ${version}`;
  const begun = `begun ${formatLocalTime(madeAtMs)}`;
  if (backfill === null) return `${what}, ${begun}`;
  if (backfill.completedAtMs !== null) return `${what}, ${begun}, filled ${formatLocalTime(backfill.completedAtMs)}`;
  const { filesDone, filesTotal, bytesDone, bytesTotal } = backfill;
  const far = `${filesDone} of ${filesTotal} files, ${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)}`;
  return `${what}, ${begun}, ${backfill.status}: ${far} at ${formatLocalTime(backfill.updatedAtMs)}`;
}

function lagLine({ files, changed, changedBytes, moved, gone, sweptAtMs }: ReportedLag): string {
  const swept = sweptAtMs === 0 ? "never" : formatLocalTime(sweptAtMs);
  const behind = `behind: ${changed} of ${files} files (${formatBytes(changedBytes)}), ${moved} moved, ${gone} gone`;
  return `${behind}; all files last looked at ${swept}`;
}

function ownerLine({ holds, host, pid, sinceMs, heartbeat, progress, isProvenDead }: ReportedOwner): string {
  const who = pid === null ? "a process that is gone" : `process ${pid} on ${host}`;
  const far = progress === null ? "" : `, ${progress}`;
  const state = isProvenDead ? "; it is gone, and who wants it gets it at once" : `, heartbeat ${heartbeat}`;
  return `${holds}: ${who} since ${formatLocalTime(sinceMs)}${far}${state}`;
}

/** What wants attention, each with the next step. */
function attentionOf(report: StateDbReport): readonly string[] {
  const { status, problem, quarantined, setAside, integrity, path, network, leases } = report;
  const attention: string[] = [];
  if (problem !== null) {
    const next = nextStepOf(problem.code);
    attention.push(`${problem.message} [${problem.code}]${next === undefined ? "" : `; ${next}`}`);
  }
  if (status === "unfilled" && !leases.some((lease) => !lease.isProvenDead)) {
    attention.push("its rows were never filled to the end: the next command that lists goes on, or `skein rebuild`");
  }
  if (problem === null && integrity === "damaged") {
    attention.push(`${path} is damaged: end what uses it and delete it; it is made again from the threads`);
  }
  if (network !== null) {
    attention.push(`the home lies on a network file system (${network}): use it from one machine at a time`);
  }
  for (const { path: file, code, reason } of quarantined) {
    const next = "`skein verify` says what is wrong with it; it is tried again when it changes, or by `skein rebuild`";
    attention.push(`${file} could not be folded: ${reason} [${code}]; ${next}`);
  }
  for (const aside of setAside) {
    attention.push(`${aside} was set aside because it could not be used; delete it when you have looked at it`);
  }
  return attention;
}
