/**
 * What was checked, and how it came out: PASS, DIFF (they differ in a way that is listed, with its
 * reason) or FAIL. A check that threw is a FAIL with the error's words, never a gap in the table.
 * It shows its checks as text for people and as JSON for programs; it decides nothing else.
 */
import { type JsonDifference, diffJson } from "./json-diff.ts";

export type CheckOutcome = "PASS" | "DIFF" | "FAIL";

/** What a check is about. */
export interface CheckSubject {
  /** A part of the run: "codex reads skein". */
  readonly part: string;
  /** The thread, by what was done to it. */
  readonly thread: string;
  /** The claim, a fact in the present tense. */
  readonly claim: string;
}

/** A difference that is meant to be, and why. */
export interface AllowedDifference {
  /** Short name, for the table. */
  readonly id: string;
  /** Why the two differ, and why that is right. */
  readonly reason: string;
  /** Whether this difference between these two values is the one. */
  covers(difference: JsonDifference, values: ComparedValues): boolean;
}

/** The same thing as each side has it. */
export interface ComparedValues {
  readonly skein: unknown;
  readonly codex: unknown;
}

export interface ExplainedDifference extends JsonDifference {
  /** The id of the listed difference; null when it isn't listed. */
  readonly allowedBy: string | null;
}

export interface Check extends CheckSubject {
  readonly outcome: CheckOutcome;
  readonly differences: readonly ExplainedDifference[];
  /** What went wrong where there is no difference to show. */
  readonly message: string | null;
}

const SHOWN_VALUE_CHARS_MAX = 300;
const MESSAGE_CHARS_MAX = 2_000;

/** Collects the checks of one run. */
export class CheckReport {
  readonly #checks: Check[] = [];
  readonly #allowed = new Map<string, string>();

  get checks(): readonly Check[] {
    return this.#checks;
  }

  get failed(): boolean {
    return this.#checks.some((check) => check.outcome === "FAIL");
  }

  /** Both sides have the same, but for what is listed. */
  same(subject: CheckSubject, values: ComparedValues, allowed: readonly AllowedDifference[] = []): void {
    for (const { id, reason } of allowed) this.#allowed.set(id, reason);
    const differences = diffJson(values.skein, values.codex).map((difference) => {
      const cover = allowed.find((candidate) => candidate.covers(difference, values));
      return { ...difference, allowedBy: cover?.id ?? null };
    });
    const isListed = differences.every(({ allowedBy }) => allowedBy !== null);
    const outcome = differences.length === 0 ? "PASS" : isListed ? "DIFF" : "FAIL";
    this.#checks.push({ ...subject, outcome, differences, message: null });
  }

  /** The claim holds; `message` says what is there instead. */
  holds(subject: CheckSubject, condition: boolean, message: string): void {
    const outcome = condition ? "PASS" : "FAIL";
    const shown = condition ? null : message.slice(0, MESSAGE_CHARS_MAX);
    this.#checks.push({ ...subject, outcome, differences: [], message: shown });
  }

  /** Runs checks; what they throw is a FAIL under this subject. Gives undefined then. */
  async attempt<Result>(subject: CheckSubject, run: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await run();
    } catch (error) {
      this.holds(subject, false, error instanceof Error ? (error.stack ?? error.message) : String(error));
      return undefined;
    }
  }

  /** A table of the claims, the listed differences that were met, with their reasons, and the failures in full. */
  toText(): string {
    const sections = [this.#table(), this.#listedDifferences(), this.#failures(), this.#summary()];
    return sections.filter((section) => section !== "").join("\n\n");
  }

  toJSON(): object {
    const count = (outcome: CheckOutcome): number => this.#checks.filter((check) => check.outcome === outcome).length;
    const counts = { passed: count("PASS"), differing: count("DIFF"), failed: count("FAIL") };
    return { ...counts, allowedDifferences: Object.fromEntries(this.#allowed), checks: this.#checks };
  }

  /** One line a claim: how many threads it holds for, and how. */
  #table(): string {
    const rows = new Map<string, readonly Check[]>();
    for (const check of this.#checks) {
      const key = `${check.part}\n${check.claim}`;
      rows.set(key, [...(rows.get(key) ?? []), check]);
    }
    const lines = [...rows.values()].map((checks) => {
      const count = (outcome: CheckOutcome): number => checks.filter((check) => check.outcome === outcome).length;
      const worst = count("FAIL") > 0 ? "FAIL" : count("DIFF") > 0 ? "DIFF" : "PASS";
      const counts = [checks.length, count("DIFF"), count("FAIL")].map((number) =>
        number === 0 ? "" : String(number),
      );
      return [worst, checks[0]?.part ?? "", ...counts, checks[0]?.claim ?? ""];
    });
    return table([["", "", "checks", "diff", "fail", ""], ...lines]);
  }

  #listedDifferences(): string {
    const met = new Map<string, Set<string>>();
    for (const { differences, thread } of this.#checks) {
      for (const { allowedBy } of differences) {
        if (allowedBy !== null) met.set(allowedBy, (met.get(allowedBy) ?? new Set()).add(thread));
      }
    }
    const lines = [...met].map(([id, threads]) => {
      const reason = this.#allowed.get(id) ?? "";
      return `  ${id}: ${reason}\n    met on: ${[...threads].join(", ")}`;
    });
    return lines.length === 0 ? "" : `Listed differences that were met:\n${lines.join("\n")}`;
  }

  #failures(): string {
    const failures = this.#checks.filter((check) => check.outcome === "FAIL");
    return failures
      .map((check) => `FAIL ${check.part} · ${check.thread} · ${check.claim}\n${details(check)}`)
      .join("\n\n");
  }

  #summary(): string {
    const count = (outcome: CheckOutcome): number => this.#checks.filter((check) => check.outcome === outcome).length;
    return `${count("PASS")} the same, ${count("DIFF")} with listed differences, ${count("FAIL")} failed`;
  }
}

function details(check: Check): string {
  const lines = check.differences.map(({ path, skein, codex, allowedBy }) => {
    const place = `  ${path === "" ? "(all)" : path}${allowedBy === null ? "" : ` [listed: ${allowedBy}]`}`;
    return `${place}\n    skein: ${shorten(skein)}\n    codex: ${shorten(codex)}`;
  });
  return [...lines, ...(check.message === null ? [] : [`  ${check.message}`])].join("\n");
}

function shorten(value: unknown): string {
  return (JSON.stringify(value) ?? "absent").slice(0, SHOWN_VALUE_CHARS_MAX);
}

function table(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const isNumber = (column: number): boolean => column >= 2 && column <= 4;
  const pad = (cell: string, column: number): string => {
    const width = widths[column] ?? 0;
    return isNumber(column) ? cell.padStart(width) : cell.padEnd(width);
  };
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}
