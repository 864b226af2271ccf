/**
 * A store's report for a reader, and as plain data for a program: what it keeps, what it breaks with all it takes
 * to see that again, and what was not looked at because the store doesn't claim it. The text says nothing about a
 * store that keeps everything but numbers; a broken law gets all the room it needs.
 */
import { AssertionError } from "node:assert";

import { isSkeinError } from "../base/index.ts";
import type { LawOutcome, StoreReport } from "./check-thread-store.ts";
import { toLiteral } from "./code-literal.ts";
import { errorMark } from "./error-text.ts";
import { failureTestText } from "./failure-test.ts";
import { type LawFailure, lawFailureText } from "./law-failure.ts";
import { printOnLine } from "./literal-printer.ts";
import { type StoreClaims, type StoreNeed, whyNotChecked } from "./store-claims.ts";

/** An error as plain data. `actual` and `expected` as code, of a comparison that failed. */
export interface ErrorJson {
  readonly name: string;
  readonly message: string;
  readonly code?: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly actual?: string;
  readonly expected?: string;
}

/** A law's outcome as plain data. */
export type LawOutcomeJson = { readonly id: string; readonly title: string } & (
  | { readonly status: "kept"; readonly runs: number; readonly seed: number; readonly durationMs: number }
  | {
      readonly status: "broken";
      readonly durationMs: number;
      /** `test`: the failure as a test to be pasted. */
      readonly failure: Omit<LawFailure, "error"> & { readonly error: ErrorJson; readonly test: string };
    }
  | { readonly status: "not-checked"; readonly missing: readonly StoreNeed[]; readonly beyond: readonly StoreNeed[] }
);

/** A report as plain data: JSON.stringify loses nothing of it. */
export interface StoreReportJson extends Omit<StoreReport, "laws"> {
  readonly laws: readonly LawOutcomeJson[];
}

/** The report as plain data. */
export function storeReportJson(report: StoreReport): StoreReportJson {
  return { ...report, laws: report.laws.map(outcomeJson) };
}

/**
 * The report in words. `again` is how it is repeated, where that is not by `checkThreadStore` with its seed.
 */
export function storeReportText(report: StoreReport, { again }: { readonly again?: string } = {}): string {
  const { name, seed, kept, broken, notChecked, notReached, durationMs } = report;
  const reached = notReached === 0 ? [] : [`${notReached} not reached`];
  const counts = [`${count(kept, "law")} kept`, `${broken} broken`, `${notChecked} not checked`, ...reached].join(", ");
  const parts = [
    keptText(report.laws),
    ...report.laws.flatMap((law) => (law.status === "broken" ? [`BROKEN\n${lawFailureText(law.failure)}`] : [])),
    notCheckedText(report),
    `${name}: ${counts} (seed ${seed}, ${(durationMs / 1_000).toFixed(1)} s)`,
    `Again: ${again ?? `checkThreadStore({ …, seed: ${seed} })`}`,
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** Group by group: how many laws of it are kept. */
function keptText(laws: readonly LawOutcome[]): string {
  const groups = new Map<string, { tried: number; kept: number; runs: number }>();
  for (const law of laws) {
    if (law.status === "not-checked") continue;
    const group = law.id.split(".")[0] ?? law.id;
    const sums = groups.get(group) ?? { tried: 0, kept: 0, runs: 0 };
    sums.tried += 1;
    if (law.status === "kept") {
      sums.kept += 1;
      sums.runs += law.runs;
    }
    groups.set(group, sums);
  }
  const width = Math.max(0, ...[...groups.keys()].map((group) => group.length));
  const lines = [...groups].map(([group, { tried, kept, runs }]) => {
    const share = kept === tried ? count(kept, "law") : `${kept} of ${count(tried, "law")}`;
    return `  ${group.padEnd(width)}  ${share} kept, ${count(runs, "example")}`;
  });
  return lines.length === 0 ? "" : ["KEPT", ...lines].join("\n");
}

/** What the laws that were not checked are about, with the claim that would switch them on. */
function notCheckedText({ laws, claims }: StoreReport): string {
  const byReason = new Map<string, { readonly how: string; readonly ids: string[] }>();
  for (const law of laws) {
    if (law.status !== "not-checked") continue;
    const { missing, beyond } = law;
    const reason = whyNotChecked(missing, beyond);
    const how = [
      ...missing.map((need) => claimText(need, claims)),
      ...beyond.map((need) => `\`capabilities: { ${need === "fork" ? 'fork: "none"' : `${need}: false`} }\``),
    ];
    const entry = byReason.get(reason) ?? { how: how.join(" and "), ids: [] };
    entry.ids.push(law.id);
    byReason.set(reason, entry);
  }
  const lines = [...byReason].flatMap(([reason, { how, ids }]) => [
    `  ${reason}: ${count(ids.length, "law")}`,
    `    ${ids.join(", ")}`,
    `    checked with ${how}`,
  ]);
  return lines.length === 0 ? "" : ["NOT CHECKED", ...lines].join("\n");
}

/** Claims that a place makes by having a method. */
const PLACE_METHODS: Partial<Readonly<Record<StoreNeed, string>>> = {
  crash: "kill",
  powerCut: "cutPower",
  damage: "corrupt",
};

function claimText(need: StoreNeed, { fork }: StoreClaims): string {
  const method = PLACE_METHODS[need];
  if (method !== undefined) return `a place that has \`${method}\``;
  if (need === "fork") return '`capabilities: { fork: "copy" }` or `{ fork: "reference" }`';
  if (need === "forkByCopy") return `\`capabilities: { fork: "copy" }\` (it is "${fork}")`;
  return `\`capabilities: { ${need}: true }\``;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? "" : "s"}`;
}

function outcomeJson(law: LawOutcome): LawOutcomeJson {
  if (law.status !== "broken") return law;
  const { failure } = law;
  return { ...law, failure: { ...failure, error: errorJson(failure.error), test: failureTestText(failure) } };
}

function errorJson(error: unknown): ErrorJson {
  const mark = errorMark(error);
  if (mark.code !== undefined && isSkeinError(error)) return { ...mark, data: error.data };
  if (!(error instanceof AssertionError)) return mark;
  return { ...mark, code: error.code, actual: valueText(error.actual), expected: valueText(error.expected) };
}

function valueText(value: unknown): string {
  return printOnLine(toLiteral(value, { text: () => undefined, object: () => undefined }), { reference: () => "" });
}
