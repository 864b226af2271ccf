/**
 * Our transcript of a script beside the one that the peer left: message by message, in order, with what differs
 * and which listed difference covers it. A message that only one side has, one that came in another order and
 * one with another value are differences alike. It decides nothing: see scenario-report.ts.
 */
import { alignSequences } from "./sequence-alignment.ts";
import { PlaceholderBinding } from "./placeholder-diff.ts";
import type { Message, TranscriptEntry } from "./transcript.ts";
import { cutTranscript, messageKey, type PlacedMessage, stretchPlaces } from "./transcript-stretches.ts";
import type { Stretch } from "./script-runner.ts";

/** How two messages differ. */
export interface MessageDifference {
  readonly kind: "missing" | "extra" | "order" | "value";
  readonly scenario: string;
  /** The heading that the message stands under. */
  readonly note: string;
  /** The request that it answers, or that was sent last; "" for none. */
  readonly request: string;
  /** See `messageKey`. */
  readonly key: string;
  /** Theirs said what the one of its method before it said. */
  readonly isRepeat: boolean;
  /** Where in the message; "" for all of it. */
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** A difference that is meant to be, and why. */
export interface ListedDifference {
  /** Short name, for the report. */
  readonly id: string;
  /** Why the two differ, and why that is right. */
  readonly reason: string;
  /** Whether this is the one: as narrow as it can be said. */
  covers(difference: MessageDifference): boolean;
}

/** A difference, and the id of the listed one that covers it; null when none does. */
export interface ExplainedDifference extends MessageDifference {
  readonly listedAs: string | null;
}

/** One message of either side, or of both. */
export interface ComparedMessage {
  readonly key: string;
  readonly differences: readonly ExplainedDifference[];
}

/** What is compared. */
export interface ComparisonInput {
  readonly scenario: string;
  readonly ours: readonly TranscriptEntry[];
  readonly theirs: readonly TranscriptEntry[];
  readonly listed: readonly ListedDifference[];
}

/** Every message of both, with its differences. */
export function compareTranscripts(input: ComparisonInput): readonly ComparedMessage[] {
  const { scenario, ours, theirs, listed } = input;
  const places = stretchPlaces(ours);
  const ourStretches = cutTranscript(ours, places);
  const theirStretches = cutTranscript(theirs, places);
  const binding = new PlaceholderBinding();
  const explain = (difference: MessageDifference): ExplainedDifference => {
    const cover = listed.find((candidate) => candidate.covers(difference));
    return { ...difference, listedAs: cover?.id ?? null };
  };
  return theirStretches.flatMap((their, place) => {
    const our = ourStretches[place] ?? { messages: [] };
    const keysOf = (messages: readonly PlacedMessage[]): string[] => messages.map(({ key }) => key);
    return alignSequences(keysOf(our.messages), keysOf(their.messages)).map((pair) => {
      const sides = {
        ours: pair.ours === null ? null : (our.messages[pair.ours] ?? null),
        theirs: pair.theirs === null ? null : (their.messages[pair.theirs] ?? null),
      };
      const found = pairDifferences({ ...sides, isMoved: pair.isMoved, scenario }, binding);
      return { key: (sides.theirs ?? sides.ours)?.key ?? "", differences: found.map(explain) };
    });
  });
}

interface Pair {
  readonly ours: PlacedMessage | null;
  readonly theirs: PlacedMessage | null;
  readonly isMoved: boolean;
  readonly scenario: string;
}

function pairDifferences(pair: Pair, binding: PlaceholderBinding): MessageDifference[] {
  const { ours, theirs, isMoved, scenario } = pair;
  const placed = theirs ?? ours;
  const common = {
    scenario,
    note: placed?.note ?? "",
    request: placed?.request ?? "",
    key: placed?.key ?? "",
    isRepeat: theirs?.isRepeat ?? false,
  };
  const whole = { path: "", ours: ours?.message, theirs: theirs?.message };
  if (ours === null) return [{ ...common, kind: "missing", ...whole }];
  if (theirs === null) return [{ ...common, kind: "extra", ...whole }];
  const values = binding.diff(ours.message, theirs.message);
  const differing = values.map((value): MessageDifference => ({ ...common, kind: "value", ...value }));
  return isMoved ? [{ ...common, kind: "order", ...whole }, ...differing] : differing;
}

/** Whether everything came that the peer's transcript has for a stretch, but for what is listed as never sent. */
export function createCompleteness(input: Omit<ComparisonInput, "ours">): (stretch: Stretch) => boolean {
  const { scenario, theirs, listed } = input;
  const known = new Map<string, readonly string[]>();
  const expectedOf = ({ sentBefore, sentByNow }: Stretch): readonly string[] => {
    const stretch = cutTranscript(theirs, [sentBefore, sentByNow, Number.POSITIVE_INFINITY])[1];
    const isExpected = ({ message, request, key, note, isRepeat }: PlacedMessage): boolean => {
      const about = { scenario, note, request: request ?? "", key, isRepeat, path: "" };
      const missing: MessageDifference = { ...about, kind: "missing", ours: undefined, theirs: message };
      return !listed.some((candidate) => candidate.covers(missing));
    };
    return (stretch?.messages ?? []).filter(isExpected).map(({ message }) => expectationKey(message));
  };
  return (stretch) => {
    const name = `${stretch.sentBefore} ${stretch.sentByNow}`;
    const expected = known.get(name) ?? expectedOf(stretch);
    known.set(name, expected);
    const came = stretch.received.map(expectationKey);
    return [...new Set(expected)].every((key) => countOf(came, key) >= countOf(expected, key));
  };
}

/** Answers are waited for one by one: here only their number counts. */
function expectationKey(message: Message): string {
  return message["method"] === undefined ? "answer" : messageKey(message);
}

function countOf(keys: readonly string[], key: string): number {
  return keys.filter((candidate) => candidate === key).length;
}
