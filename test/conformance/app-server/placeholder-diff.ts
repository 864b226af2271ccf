/**
 * How two messages differ when ids have names of their own on each side. The first time that two names meet
 * where everything around them is the same, they are one from then on; a name that meets another later differs.
 * So a run with one id more than another still compares. Threads and turns in lists are set side by side by
 * their ids, items by their types: one that only one side has is one difference, and doesn't move the others.
 */
import { alignSequences } from "./sequence-alignment.ts";
import type { Message } from "./transcript.ts";

/** One place where the two differ; undefined means that the member isn't there. */
export interface PlaceDifference {
  /** `params.turn.error`; "" is the whole message. Places in lists are theirs; `data.+2` is one that only ours has. */
  readonly path: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

const NAME = /<U\d+>/g;
const WHOLE_NAME = /^<U\d+>$/;
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
    } else if (Array.isArray(ours) && Array.isArray(theirs)) {
      this.#collectList(path, { ours, theirs }, found);
    } else if (isContainer(ours) && isContainer(theirs) && Array.isArray(ours) === Array.isArray(theirs)) {
      for (const key of new Set([...Object.keys(theirs), ...Object.keys(ours)])) {
        const below = path === "" ? key : `${path}.${key}`;
        this.#collect({ path: below, ours: ours[key], theirs: theirs[key] }, found);
      }
    } else if (!Object.is(ours, theirs)) found.push(place);
  }

  #collectList(
    path: string,
    lists: { readonly ours: readonly unknown[]; readonly theirs: readonly unknown[] },
    found: PlaceDifference[],
  ): void {
    const { ours, theirs } = lists;
    const ourKeys = ours.map((element, place) => this.#elementKey(element, place, this.#theirNames));
    const theirKeys = theirs.map((element, place) => this.#elementKey(element, place, this.#ourNames));
    for (const pair of alignSequences(ourKeys, theirKeys)) {
      const place = pair.theirs === null ? `+${pair.ours}` : String(pair.theirs);
      const below = path === "" ? place : `${path}.${place}`;
      const sides = {
        ours: pair.ours === null ? undefined : ours[pair.ours],
        theirs: pair.theirs === null ? undefined : theirs[pair.theirs],
      };
      if (pair.isMoved) found.push({ path: `${below} (place)`, ours: pair.ours, theirs: pair.theirs });
      this.#collect({ path: below, ...sides }, found);
    }
  }

  /** What an element is recognised by, in their names; a name that is not bound yet stands for any such. */
  #elementKey(element: unknown, place: number, bound: ReadonlyMap<string, string>): string {
    const id = isContainer(element) ? element["id"] : element;
    if (typeof id === "string" && WHOLE_NAME.test(id)) {
      if (bound === this.#ourNames) return bound.has(id) ? id : "unbound";
      return bound.get(id) ?? "unbound";
    }
    const type = isContainer(element) ? element["type"] : undefined;
    return typeof type === "string" ? type : `place ${place}`;
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}
