/**
 * The oldest Node that Skein runs on, said where a program comes in: an older one would end with a word about some
 * function that it doesn't have. A test holds the number together with package.json's.
 */
import { rejection } from "./errors.ts";

/** The oldest Node, major and minor. */
export const NODE_NEEDED: readonly [major: number, minor: number] = [22, 14];

/** Throws `unsupported` on a Node that is older. `version` is as `process.version` has it. */
export function requireNode(version: string = process.version): void {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  const [majorNeeded, minorNeeded] = NODE_NEEDED;
  if (major > majorNeeded || (major === majorNeeded && minor >= minorNeeded)) return;
  const needed = NODE_NEEDED.join(".");
  const message = `Skein needs Node ${needed} or later, and this is Node ${version}: run the program with a newer one`;
  throw rejection("unsupported", message, { needed, version });
}
