/**
 * `skein doctor`: how the state DB is. Each thing that wants attention is said with what to do; it ends with 1
 * when there is any. It reads only, also from a file that is damaged, locked or newer.
 */
import type { ReportedOwner, StateDbReport } from "../../projections/index.ts";
import { type CliContext, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
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
  const { path, status, bytes, sets, counts, lag, leases, owners, integrity, projectionVersion } = report;
  const facts = [`${path}  ${status}, ${formatBytes(bytes.file)} and ${formatBytes(bytes.wal)} of log`];
  for (const { generation, version, state, madeAtMs } of sets) {
    facts.push(
      `rows: set ${generation}, projection version ${version} of ${projectionVersion}, ${state}, begun ${formatLocalTime(madeAtMs)}`,
    );
  }
  if (status === "ready") {
    const { rollouts, threads, turns, texts } = counts;
    facts.push(`${threads} threads from ${rollouts} files, ${turns} turns, ${texts} searchable messages`);
  }
  if (lag !== null) {
    const swept = lag.sweptAtMs === 0 ? "never" : formatLocalTime(lag.sweptAtMs);
    facts.push(
      `behind: ${lag.changed} of ${lag.files} files (${formatBytes(lag.changedBytes)}), ${lag.moved} moved, ${lag.gone} gone; all files last looked at ${swept}`,
    );
  }
  facts.push(...leases.map((lease) => `lease ${ownerLine(lease)}`));
  facts.push(...owners.slice(0, OWNERS_SHOWN).map((owner) => `thread ${ownerLine(owner)}`));
  if (owners.length > OWNERS_SHOWN) facts.push(`and ${owners.length - OWNERS_SHOWN} more threads that are owned`);
  if (integrity !== "not checked") facts.push(`integrity: ${integrity}`);
  return facts;
}

function ownerLine({ holds, host, pid, sinceMs, progress }: ReportedOwner): string {
  const who = pid === null ? "a process that is gone" : `process ${pid} on ${host}`;
  return `${holds}: ${who} since ${formatLocalTime(sinceMs)}${progress === null ? "" : `, ${progress}`}`;
}

/** What wants attention, each with the next step. */
function attentionOf({ status, problem, quarantined, setAside, integrity, path }: StateDbReport): readonly string[] {
  const attention: string[] = [];
  if (problem !== null) attention.push(`${problem.message} [${problem.code}]`);
  if (status === "missing") attention.push(`there is no ${path} yet: the next command that lists or searches makes it`);
  if (status === "unfilled") attention.push("its rows were never filled to the end: `skein rebuild` goes on");
  if (integrity === "damaged") {
    attention.push(`${path} is damaged: end what uses it and delete it; it is made again from the threads`);
  }
  for (const { path: file, code, reason } of quarantined) {
    attention.push(
      `${file} could not be folded: ${reason} [${code}]; it is tried again when it changes, or by \`skein rebuild\``,
    );
  }
  for (const aside of setAside) {
    attention.push(`${aside} was set aside because it could not be used; delete it when you have looked at it`);
  }
  return attention;
}
