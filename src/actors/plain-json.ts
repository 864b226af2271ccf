/**
 * What an agent or a caller hands in to be shown to others, as plain JSON of its own: nobody's later change
 * reaches it, and who writes it to a wire can.
 */
import { LIMITS } from "../base/index.ts";
import type { Json } from "../events/index.ts";

/** A copy as JSON has it; undefined for what JSON can't say, or says in more than LIMITS.shownCharsMax characters. */
export function plainJson(value: unknown): Json | undefined {
  try {
    const text: string | undefined = JSON.stringify(value);
    return text === undefined || text.length > LIMITS.shownCharsMax ? undefined : (JSON.parse(text) as Json);
  } catch {
    // A cycle, a BigInt, a getter that throws: what it is makes no difference, it can't be shown.
    return undefined;
  }
}
