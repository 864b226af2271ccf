/**
 * A source mutant: one bug, planted by changing one place in a copy of the code. It is data, so that the same
 * bugs can be run, counted and put into a table; the code itself never knows of them.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * What a mutant is tried on: a store, by the laws of the kit, or the simulation of the whole runtime, by its
 * invariants, where it takes a failing disk or a power cut to see the bug.
 */
export type MutantFixture = "memory" | "local" | "feeds" | "indexed" | "simulated";

/** See the file's head. */
export interface SourceMutant {
  /** What goes wrong, in words: "a fork copies one record too many". */
  readonly name: string;
  /** Path from the project's folder. */
  readonly file: string;
  /** The text that is replaced; occurs exactly once in the file. */
  readonly from: string;
  readonly to: string;
  readonly fixture: MutantFixture;
  /** Laws that must fail. */
  readonly caughtBy: readonly string[];
}

/** The file's text with the bug in it. Throws where `from` is not there exactly once: the mutant is out of date. */
export function mutate(root: string, { name, file, from, to }: SourceMutant): string {
  const text = readFileSync(join(root, file), "utf8");
  const found = text.split(from).length - 1;
  if (found !== 1) throw new Error(`"${name}": its text is ${found} times in ${file}, not once`);
  return text.replace(from, () => to);
}
