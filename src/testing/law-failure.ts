/**
 * How a store broke a law: which, with which example, and how to see it again. And its text, which says first
 * what is wrong, then how to repeat it, then the calls that lead there as a test to be pasted.
 */
import { errorText } from "./error-text.ts";
import { failureTestText, replayOptionsText } from "./failure-test.ts";
import type { TestModule } from "./test-runner.ts";

/** A broken law's failure. */
export interface LawFailure {
  readonly lawId: string;
  /** The law in words. */
  readonly title: string;
  /** With `path`, repeats the failure: `replayLaw(lawId, fixture, { seed, path })`. */
  readonly seed: number;
  readonly path: string;
  /** Of laws whose examples are commands: repeats them together with `seed` and `path`. */
  readonly replayPath?: string;
  /** Examples tried until one broke the law. */
  readonly runs: number;
  /** Steps in which that one was made small. */
  readonly shrinks: number;
  /** The small example. */
  readonly example: string;
  /** What the law rejected with. */
  readonly error: unknown;
  /** Whether the small example broke the law again when it was tried once more. False: the store isn't deterministic. */
  readonly repeats: boolean;
  /** The calls that lead to the failure, as the body of a test. */
  readonly script: string;
}

/** Thrown for a broken law; its message is the failure in words. */
export class LawBrokenError extends Error {
  override readonly name = "LawBrokenError";
  readonly failure: LawFailure;

  constructor(failure: LawFailure, module?: TestModule) {
    super(lawFailureText(failure, module), { cause: failure.error });
    this.failure = failure;
  }
}

const MESSAGE_LINES_MAX = 40;

/** The failure in words and code; `module` as for `failureTestText`. */
export function lawFailureText(failure: LawFailure, module?: TestModule): string {
  const { lawId, title, runs, shrinks, example, error, repeats } = failure;
  const again = repeats ? "" : " It did not break the law when it was tried once more: something else decides too.";
  return [
    `${lawId}: not so: ${title}`,
    messageOf(error),
    "",
    `Found at example ${runs}, made small in ${shrinks} steps.${again}`,
    `Example: ${example}`,
    `Again:   replayLaw(${JSON.stringify(lawId)}, fixture, ${replayOptionsText(failure)})`,
    "",
    failureTestText(failure, module),
  ].join("\n");
}

/** A difference of a thousand records is told by its beginning; the script's end has the values. */
function messageOf(error: unknown): string {
  const lines = errorText(error).trimEnd().split("\n");
  if (lines.length <= MESSAGE_LINES_MAX) return lines.join("\n");
  return [...lines.slice(0, MESSAGE_LINES_MAX), `… and ${lines.length - MESSAGE_LINES_MAX} lines more`].join("\n");
}
