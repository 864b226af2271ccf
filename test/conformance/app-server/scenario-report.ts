/**
 * What the comparisons of a run add up to: how many messages are the same, which listed differences were met
 * and how often, which were never met (the list is to be true), and every difference that isn't listed, in full.
 */
import type { ComparedMessage, ExplainedDifference, ListedDifference } from "./transcript-comparison.ts";

/** The comparison of one scenario. */
export interface ScenarioComparison {
  readonly scenario: string;
  readonly messages: readonly ComparedMessage[];
}

/** Counts and lists over all scenarios. */
export interface ScenarioReport {
  readonly compared: number;
  readonly same: number;
  readonly withListedDifferences: number;
  /** How often each listed difference was met, by id. */
  readonly met: ReadonlyMap<string, number>;
  /** Listed, and never met. */
  readonly stale: readonly string[];
  readonly unlisted: readonly ExplainedDifference[];
}

const SHOWN_CHARS_MAX = 600;

/** Adds the scenarios up. */
export function reportScenarios(
  comparisons: readonly ScenarioComparison[],
  listed: readonly ListedDifference[],
): ScenarioReport {
  const messages = comparisons.flatMap((comparison) => comparison.messages);
  const differences = messages.flatMap((message) => message.differences);
  const met = new Map<string, number>();
  for (const { listedAs } of differences) if (listedAs !== null) met.set(listedAs, (met.get(listedAs) ?? 0) + 1);
  const isListed = (message: ComparedMessage): boolean =>
    message.differences.every(({ listedAs }) => listedAs !== null);
  const same = messages.filter((message) => message.differences.length === 0);
  return {
    compared: messages.length,
    same: same.length,
    withListedDifferences: messages.filter(isListed).length - same.length,
    met,
    stale: listed.map(({ id }) => id).filter((id) => !met.has(id)),
    unlisted: differences.filter(({ listedAs }) => listedAs === null),
  };
}

/** One line of numbers. */
export function summaryLine(report: ScenarioReport): string {
  const { compared, same, withListedDifferences, unlisted, stale } = report;
  const bad = compared - same - withListedDifferences;
  const staleText = stale.length === 0 ? "" : `, never met: ${stale.join(", ")}`;
  return (
    `${compared} messages compared: ${same} the same, ${withListedDifferences} with listed differences, ` +
    `${bad} otherwise (${unlisted.length} differences)${staleText}`
  );
}

/** A difference for people: where, and both values. */
export function differenceText(difference: ExplainedDifference): string {
  const { scenario, note, request, kind, key, path, ours, theirs } = difference;
  const place = `${scenario} · ${note} · ${request} · ${key}${path === "" ? "" : ` · ${path}`}`;
  const show = (value: unknown): string => (JSON.stringify(value) ?? "absent").slice(0, SHOWN_CHARS_MAX);
  if (kind === "missing") return `missing ${place}\n  theirs: ${show(theirs)}`;
  if (kind === "extra") return `extra ${place}\n  ours: ${show(ours)}`;
  return `${kind} ${place}\n  ours:   ${show(ours)}\n  theirs: ${show(theirs)}`;
}
