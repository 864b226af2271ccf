/**
 * What is asked of a run of laws in a process of its own, and what it answers. Both cross the border as JSON: one
 * as the process's only argument, the other as the one line that it prints.
 */
import type { MutantFixture } from "./source-mutant.ts";

/** Which laws, on what. */
export interface LawRunRequest {
  readonly fixture: MutantFixture;
  /** Ids; null: all that apply. */
  readonly laws: readonly string[] | null;
  readonly seed: number;
}

/** What became of one law. */
export interface LawFinding {
  readonly id: string;
  readonly status: "kept" | "broken" | "not-checked";
  /** Examples tried until one broke it; 0 where none did. */
  readonly runs: number;
  /** What the law said. */
  readonly message: string;
}

/** What a run answers. */
export interface LawRunAnswer {
  readonly findings: readonly LawFinding[];
  /** An error that nobody waited for, the first one; null: there was none. */
  readonly stray: string | null;
}

/** Reads an answer. Throws where it is none. */
export function parseLawRunAnswer(text: string): LawRunAnswer {
  const answer: unknown = JSON.parse(text);
  if (typeof answer === "object" && answer !== null && "findings" in answer && Array.isArray(answer.findings)) {
    return answer as LawRunAnswer;
  }
  throw new TypeError(`this is no answer of a run of laws: ${text.slice(0, 200)}`);
}
