/**
 * How two messages differ when ids have names of their own on each side. The first time that two names meet
 * where everything around them is the same, they are one from then on; a name that meets another later differs.
 * So a run with one id more than another still compares.
 */
import type { Message } from "./transcript.ts";

/** One place where the two differ; undefined means that the member isn't there. */
export interface PlaceDifference {
  /** `params.turn.error`; "" is the whole message. */
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

const NAME = /<U\d+>/g;
const DIFFERENCES_MAX = 100;

/** The ids of one scenario, ours and theirs. */
export class PlaceholderBinding {
  readonly #theirNames = new Map<string, string>();
  readonly #ourNames = new Map<string, string>();

  /** Every place where the two differ, in order. */
  diff(ours: Message, theirs: Message): readonly PlaceDifference[] {
    const found: PlaceDifference[] = [];
    this.#collect({ path: "", ours, theirs }, found);
    return found;
  }

  /** Whether the two texts say the same, ids by their names. */
  isSameText(ours: string, theirs: string): boolean {
    if (ours.replaceAll(NAME, "<U>") !== theirs.replaceAll(NAME, "<U>")) return false;
    const theirNames = theirs.match(NAME) ?? [];
    return (ours.match(NAME) ?? []).every((name, place) => this.#isSameName(name, theirNames[place] ?? ""));
  }

  #isSameName(our: string, their: string): boolean {
    const bound = this.#theirNames.get(our);
    if (bound !== undefined || this.#ourNames.has(their)) return bound === their;
    this.#theirNames.set(our, their);
    this.#ourNames.set(their, our);
    return true;
  }

  #collect(place: PlaceDifference, found: PlaceDifference[]): void {
    const { path, ours, theirs } = place;
    if (found.length >= DIFFERENCES_MAX) return;
    if (typeof ours === "string" && typeof theirs === "string") {
      if (!this.isSameText(ours, theirs)) found.push(place);
    } else if (isContainer(ours) && isContainer(theirs) && Array.isArray(ours) === Array.isArray(theirs)) {
      for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
        const below = path === "" ? key : `${path}.${key}`;
        this.#collect({ path: below, ours: ours[key], theirs: theirs[key] }, found);
      }
    } else if (!Object.is(ours, theirs)) found.push(place);
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
