/**
 * Progress of anything that takes over a second: files, bytes, rate and the time that is left, on
 * standard error. On a terminal it is one line that repaints itself and vanishes at the end; with
 * `--progress` elsewhere it is a line now and then. A command that is quicker shows nothing.
 *
 * The bar is told numbers whenever there are new ones; it looks at them on its own timer, so telling
 * is free and a long wait still shows that time passes.
 */
import type { Clock, Timer } from "../base/index.ts";
import { cutToWidth } from "./format/plain-text.ts";
import { formatDuration } from "./format/local-time.ts";
import type { Output } from "./output.ts";

/** How far the work is. Totals are left out where nobody knows them. */
export interface ProgressNumbers {
  /** What is counted: "files", "turns", … */
  readonly unit: string;
  readonly done: number;
  readonly total?: number;
  readonly bytesDone?: number;
  readonly bytesTotal?: number;
  /** How long what is counted has taken, milliseconds. Default: since the display began. */
  readonly elapsedMs?: number;
}

/** A running display of progress. */
export interface Progress {
  /** The newest numbers. */
  tell(numbers: ProgressNumbers): void;
  /** Words in place of numbers, until there are new ones: what is waited for. */
  say(text: string): void;
  /** Takes the line away. Idempotent. */
  end(): void;
}

/** What a bar needs. */
export interface ProgressOptions {
  readonly output: Output;
  readonly clock: Clock;
  /** What is being done, in one word or two: "verify", "list". */
  readonly label: string;
  /** Show it also where standard error is no terminal. */
  readonly isForced: boolean;
}

const QUIET_MS = 1_000;
const REPAINT_MS = 100;
const LINE_EVERY_MS = 1_000;
const BAR_WIDTH = 20;
const CLEAR_LINE = "\r\u001b[2K";

/** Starts a display; nothing is shown before a second has passed. */
export function startProgress(options: ProgressOptions): Progress {
  const { output, clock, label, isForced } = options;
  if (!output.isTerminal && !isForced) return { tell: () => {}, say: () => {}, end: () => {} };
  const startMs = clock.monotonicMs();
  let newest: ProgressNumbers | string | undefined;
  let timer: Timer | undefined;
  let isShown = false;
  const stop = (): void => {
    timer?.cancel();
    timer = undefined;
  };
  const show = (text: string): void => {
    // Nobody reads standard error any more: there is nobody left to show progress to.
    output.write(text).catch(stop);
  };
  const paint = (): void => {
    const line = progressLine(label, newest, clock.monotonicMs() - startMs);
    show(output.isTerminal ? `${CLEAR_LINE}${cutToWidth(line, (output.columns ?? 80) - 1)}` : `${line}\n`);
    isShown = true;
    timer = clock.setTimer(output.isTerminal ? REPAINT_MS : LINE_EVERY_MS, paint);
  };
  timer = clock.setTimer(QUIET_MS, paint);
  return {
    tell: (numbers): void => {
      newest = numbers;
    },
    say: (text): void => {
      newest = text;
    },
    end: (): void => {
      if (timer === undefined) return;
      stop();
      if (isShown && output.isTerminal) show(CLEAR_LINE);
    },
  };
}

/** The line as shown: `verify [####----] 12/40 files  3.1/9.8 MB  95 MB/s  1.2 s left`. */
export function progressLine(label: string, told: ProgressNumbers | string | undefined, shownMs: number): string {
  if (told === undefined) return `${label}  ${formatDuration(shownMs)}`;
  if (typeof told === "string") return `${label}  ${told}  ${formatDuration(shownMs)}`;
  const numbers = told;
  const { elapsedMs = shownMs } = told;
  const share = shareOf(numbers);
  const parts = [label];
  if (share !== undefined) parts.push(barOf(share));
  parts.push(`${countOf(numbers)} ${numbers.unit}`);
  if (numbers.bytesDone !== undefined) {
    parts.push(bytesOf(numbers.bytesDone, numbers.bytesTotal));
    parts.push(`${megabytes((numbers.bytesDone / Math.max(elapsedMs, 1)) * 1_000)} MB/s`);
  }
  if (share !== undefined && share > 0) {
    parts.push(`${formatDuration((elapsedMs / share) * (1 - share))} left`);
  } else parts.push(formatDuration(elapsedMs));
  return parts.join("  ");
}

function shareOf(numbers: ProgressNumbers): number | undefined {
  const { done, total, bytesDone, bytesTotal } = numbers;
  if (bytesDone !== undefined && bytesTotal !== undefined && bytesTotal > 0) {
    return Math.min(bytesDone / bytesTotal, 1);
  }
  return total === undefined || total === 0 ? undefined : Math.min(done / total, 1);
}

function barOf(share: number): string {
  const filled = Math.floor(share * BAR_WIDTH);
  return `[${"#".repeat(filled)}${"-".repeat(BAR_WIDTH - filled)}]`;
}

function countOf({ done, total }: ProgressNumbers): string {
  return total === undefined ? String(done) : `${done}/${total}`;
}

function bytesOf(done: number, total: number | undefined): string {
  return total === undefined ? `${megabytes(done)} MB` : `${megabytes(done)}/${megabytes(total)} MB`;
}

function megabytes(bytes: number): string {
  return (bytes / 1_000_000).toFixed(1);
}
