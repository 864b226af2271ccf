/**
 * What `export` and `import` share: which threads, the copy with its progress, and what is said of it. Threads that
 * were not taken over are named on standard output, each with the reason; what was done is said on standard error.
 * What ends the whole move (Ctrl-C, a full disk) is thrown after that: what was done until then is told all the same.
 */
import { canonicalThreadId, rejection } from "../../base/index.ts";
import type {
  CopiedThread,
  CopyCounts,
  CopyOutcome,
  CopyProgress,
  CopyThreadsOptions,
  LogTransfer,
} from "../../store/index.ts";
import { type CliContext, note, withProgress } from "../cli-context.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { counted } from "../format/counted-word.ts";
import { formatBytes } from "../format/byte-count.ts";
import { formatDuration } from "../format/local-time.ts";
import { toPlainLine } from "../format/plain-text.ts";
import { interruptible } from "../interrupt.ts";
import { toJsonLine } from "../output.ts";

/** Which threads, as both commands take them. */
export interface MoveChoice {
  /** Ids, or their first characters; none: all. */
  readonly ids?: readonly string[];
  readonly archived?: boolean;
  readonly live?: boolean;
}

/** A move to be made. */
export interface Move extends Pick<CopyThreadsOptions, "from" | "to" | "expected" | "replaces"> {
  readonly label: "export" | "import";
  readonly choice: MoveChoice;
  /** Told each thread that is in its place now. */
  readonly onPlaced?: (thread: CopiedThread) => Promise<void>;
  /** Ids that were promised and that the copy did not meet, when it is over. */
  readonly missing?: (met: ReadonlySet<string>) => readonly string[];
}

/** A thread that was not taken over. */
interface Problem {
  readonly threadId: string;
  readonly outcome: CopyOutcome;
  readonly code: string;
  readonly message: string;
}

/** Problems that are named; all are counted. */
const PROBLEMS_MAX = 1_000;

/** Copies, tells what came of it, and answers the exit code. Rejects with what ended it, after telling. */
export async function moveThreads(context: CliContext, move: Move): Promise<ExitCode> {
  const beginMs = context.clock.monotonicMs();
  const tally = new Tally();
  const failure = await copy(context, move, tally).then(
    () => null,
    (error: unknown) => ({ error }),
  );
  if (failure === null) for (const threadId of move.missing?.(tally.met) ?? []) tally.takeMissing(threadId, move.from);
  const durationMs = Math.round(context.clock.monotonicMs() - beginMs);
  if (context.json) await context.out.write(`${toJsonLine(tally.answer(move, durationMs))}\n`);
  else for (const problem of tally.problems) await context.out.write(`${problemLine(problem)}\n`);
  await note(context, tally.summary(durationMs));
  if (failure !== null) throw failure.error;
  if (tally.counts.failed > 0) return EXIT.failed;
  return tally.counts.conflict > 0 ? EXIT.conflict : EXIT.ok;
}

async function copy(context: CliContext, move: Move, tally: Tally): Promise<void> {
  const { from, to, expected, replaces, choice, label, onPlaced } = move;
  const { copyThreads } = await import("../../store/index.ts");
  const archived = wishedArchive(choice);
  const threadIds = await wishedIds(from, choice.ids ?? []);
  await withProgress(context, label, (progress) =>
    interruptible(context, "what is there is whole; the same command goes on from there", (signal) =>
      copyThreads({
        from,
        to,
        signal,
        ...(expected === undefined ? {} : { expected }),
        ...(replaces === undefined ? {} : { replaces }),
        ...(archived === undefined ? {} : { archived }),
        ...(threadIds === undefined ? {} : { threadIds }),
        onProgress: (numbers) => progress.tell(numbersOf(numbers)),
        onThread: async (thread) => {
          if (thread.digest !== null) await onPlaced?.(thread);
          tally.take(thread);
        },
      }),
    ),
  );
}

function numbersOf(progress: CopyProgress): Parameters<ReturnType<CliContext["startProgress"]>["tell"]>[0] {
  const { threadsDone, threadsTotal, bytesDone, bytesTotal } = progress;
  const bytes = bytesTotal === null ? { bytesDone } : { bytesDone, bytesTotal };
  return { unit: "threads", done: threadsDone, total: threadsTotal, ...bytes };
}

function wishedArchive({ archived = false, live = false, ids = [] }: MoveChoice): boolean | undefined {
  if (archived && live) throw rejection("invalid_argument", "--archived or --live: one of the two, or none for both");
  if ((archived || live) && ids.length > 0) {
    throw rejection("invalid_argument", "name threads, or say --archived or --live: one of the two");
  }
  return archived || live ? archived : undefined;
}

/** Whole ids of what was typed; undefined for all. */
async function wishedIds(from: LogTransfer, texts: readonly string[]): Promise<readonly string[] | undefined> {
  if (texts.length === 0) return undefined;
  const found = new Map<string, string[]>();
  const whole = new Set<string>();
  for (const text of texts) {
    const id = canonicalThreadId(text);
    if (id !== undefined) whole.add(id);
    else if (/^[0-9a-f][0-9a-f-]*$/i.test(text)) found.set(text.toLowerCase(), []);
    else throw rejection("invalid_thread_id", `"${text}" is no thread id and no beginning of one`, { id: text });
  }
  if (found.size > 0) await findBeginnings(from, found);
  for (const [prefix, ids] of found) {
    const [only] = ids;
    if (only === undefined) throw rejection("thread_not_found", `no thread begins with ${prefix}`, { id: prefix });
    if (ids.length > 1) {
      const message = `"${prefix}" may be ${ids.slice(0, 5).join(", ")}${ids.length > 5 ? ", …" : ""}; give more of it`;
      throw rejection("invalid_argument", message, { prefix, candidates: ids.length });
    }
    whole.add(only);
  }
  return [...whole];
}

async function findBeginnings(from: LogTransfer, found: ReadonlyMap<string, string[]>): Promise<void> {
  let after: string | null = null;
  for (;;) {
    const page = await from.threads(after);
    for (const { threadId } of page) {
      for (const [prefix, ids] of found) if (threadId.startsWith(prefix)) ids.push(threadId);
    }
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.threadId;
  }
}

/** What came of the threads so far. */
class Tally {
  readonly counts: { -readonly [Outcome in keyof CopyCounts]: number } = {
    copied: 0,
    grown: 0,
    renamed: 0,
    same: 0,
    ahead: 0,
    conflict: 0,
    failed: 0,
  };
  readonly problems: Problem[] = [];
  readonly met = new Set<string>();
  #lines = 0;
  #bytes = 0;

  take({ threadId, outcome, digest, error }: CopiedThread): void {
    this.met.add(threadId);
    this.counts[outcome] += 1;
    if (error !== null) this.#put({ threadId, outcome, code: error.code, message: error.message });
    if (digest === null || outcome === "same" || outcome === "ahead") return;
    this.#lines += digest.lineCount;
    this.#bytes += digest.byteCount;
  }

  takeMissing(threadId: string, { place }: LogTransfer): void {
    this.counts.failed += 1;
    const message = `thread ${threadId} was exported to ${place} and is not there any more; export it again`;
    this.#put({ threadId, outcome: "failed", code: "thread_not_found", message });
  }

  answer({ from, to }: Move, durationMs: number): Readonly<Record<string, unknown>> {
    const { counts, problems } = this;
    const written = { lines: this.#lines, bytes: this.#bytes, durationMs };
    return { from: from.place, to: to.place, ...counts, ...written, problems };
  }

  summary(durationMs: number): string {
    const total = Object.values(this.counts).reduce((sum, count) => sum + count, 0);
    if (total === 0) return "no threads there";
    const parts = Object.entries(this.counts).flatMap(([outcome, count]) => (count > 0 ? `${count} ${outcome}` : []));
    const work = `${counted(this.#lines, "record")}, ${formatBytes(this.#bytes)} in ${formatDuration(durationMs)}`;
    const named = this.problems.length;
    const more = this.counts.failed + this.counts.conflict - named;
    return `${counted(total, "thread")}: ${parts.join(", ")}; ${work}${more > 0 ? `; ${more} more with problems are not named` : ""}`;
  }

  #put(problem: Problem): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push(problem);
  }
}

/** `conflict  ID  what is wrong`. */
function problemLine({ outcome, threadId, message, code }: Problem): string {
  return `${outcome.padEnd(8)}  ${threadId}  ${toPlainLine(message)} [${code}]`;
}
