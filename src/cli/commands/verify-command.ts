/**
 * `skein verify`: reads every record of the home and says what is torn, odd or ambiguous. It changes
 * nothing and takes no lock. It ends with 1 when anything is lost, ambiguous or passed over; what is odd
 * but harmless (a type of record that a newer program wrote) is said and doesn't count.
 */
import { rejection } from "../../base/index.ts";
import type { FindingSeverity, HomeFinding, VerifyProgress } from "../../store/local/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { counted } from "../format/counted-word.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { formatBytes } from "../format/byte-count.ts";
import { requireHome } from "../open-home.ts";
import { type Output, type Style, toJsonLine } from "../output.ts";

/** What a verification found. */
interface VerifyReport {
  /** No errors and no warnings. */
  readonly isClean: boolean;
  readonly files: number;
  readonly threads: number;
  readonly records: number;
  readonly bytes: number;
  readonly findings: readonly HomeFinding[];
}

/** Verifies the home. */
export async function runVerify(
  context: CliContext,
  options: { readonly projections?: boolean; readonly thread?: string } = {},
): Promise<ExitCode> {
  await requireHome(context);
  const { projections = false, thread } = options;
  if (projections) return (await import("./verify-rows.ts")).verifyRows(context, thread);
  if (thread !== undefined) throw rejection("invalid_argument", "--thread goes with --projections");
  const report = await readHome(context);
  const { findings, isClean } = report;
  if (context.json) await context.out.write(`${toJsonLine(report)}\n`);
  else for (const finding of findings) await context.out.write(findingLine(finding, context.out));
  await note(context, summaryOf(report));
  return isClean ? EXIT.ok : EXIT.failed;
}

async function readHome(context: CliContext): Promise<VerifyReport> {
  const { verifyHome } = await import("../../store/local/index.ts");
  return await withProgress(context, "verify", async (progress) => {
    let done: VerifyProgress | undefined;
    const onProgress = (newest: VerifyProgress): void => {
      done = newest;
      const { filesDone, filesTotal, bytesDone, bytesTotal } = newest;
      progress.tell({ unit: "files", done: filesDone, total: filesTotal, bytesDone, bytesTotal });
    };
    const findings: HomeFinding[] = [];
    for await (const finding of verifyHome(context.home, { onProgress })) findings.push(finding);
    return {
      isClean: findings.every(({ severity }) => severity === "info"),
      files: done?.filesDone ?? 0,
      threads: done?.threadsDone ?? 0,
      records: done?.recordsDone ?? 0,
      bytes: done?.bytesDone ?? 0,
      findings,
    };
  });
}

const STYLES: Readonly<Record<FindingSeverity, Style>> = { error: "red", warning: "yellow", info: "dim" };

/** `warning  torn_tail  PATH:OFFSET  what it is`. */
function findingLine(finding: HomeFinding, out: Output): string {
  const { severity, code, path, offset, message } = finding;
  const place = offset === undefined ? path : `${path}:${offset}`;
  return `${out.paint(STYLES[severity], severity.padEnd(7))}  ${code}  ${toPlainLine(place)}  ${toPlainLine(message)}\n`;
}

function summaryOf({ findings, threads, records, bytes }: VerifyReport): string {
  const count = (severity: FindingSeverity): number =>
    findings.filter((finding) => finding.severity === severity).length;
  const read = `${counted(threads, "thread")}, ${counted(records, "record")}, ${formatBytes(bytes)} read`;
  if (findings.length === 0) return `${read}: nothing torn, nothing odd`;
  return `${read}: ${counted(count("error"), "error")}, ${counted(count("warning"), "warning")}, ${counted(count("info"), "note")}`;
}
