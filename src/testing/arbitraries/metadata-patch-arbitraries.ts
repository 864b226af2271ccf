/**
 * Arbitrary changes of a thread's metadata: each field set, cleared or kept, and never a patch that says
 * nothing. All of them are ones a store takes; what it must refuse is for laws about refusals.
 */
import fc from "fast-check";

import { LIMITS } from "../../base/index.ts";
import type { MemoryMode } from "../../events/index.ts";
import type { GitPatch, ThreadMetadataPatch } from "../../store/index.ts";
import { arbText } from "./payload-arbitraries.ts";

const MEMORY_MODES: readonly MemoryMode[] = ["enabled", "disabled", "polluted"];

/** Few and plain, so that a value is set twice and two fields meet; and what breaks quoting. */
const NAMES = ["a name", " around it \n", "hello", "ünïcode \u{1f9f5}", '"quoted" \\ back', "null", "n".repeat(300)];
const GIT_TEXTS = ["main", "next", "x", "https://example.invalid/r.git", "feature/ä b", " padded "];

/**
 * A patch that every store takes: any of name, memory mode and git fields, at least one of them. A name or a
 * git field is a text (which stores trim) or null, which clears it; what is absent is kept.
 *
 * @example
 * ```ts
 * await fc.assert(
 *   fc.asyncProperty(fc.array(arbMetadataPatch(), { minLength: 1 }), async (patches) => {
 *     for (const patch of patches) await store.updateThreadMetadata({ threadId, patch });
 *     const named = patches.findLast((patch) => patch.name !== undefined);
 *     equal((await store.readThread({ threadId })).name, named?.name?.trim() ?? null);
 *   }),
 * );
 * ```
 */
export function arbMetadataPatch(): fc.Arbitrary<ThreadMetadataPatch> {
  const parts = { name: fc.option(arbName()), memoryMode: fc.constantFrom(...MEMORY_MODES), git: arbGitPatch() };
  return fc.record(parts, OPTIONAL).filter(saysSomething);
}

function arbName(): fc.Arbitrary<string> {
  return fc.oneof(
    { withCrossShrink: true },
    { weight: 4, arbitrary: fc.constantFrom(...NAMES) },
    { weight: 2, arbitrary: arbText().filter(isSaid) },
    { weight: 1, arbitrary: fc.constant("w".repeat(LIMITS.nameCharsMax)) },
  );
}

function arbGitPatch(): fc.Arbitrary<GitPatch> {
  const text = fc.oneof(
    { withCrossShrink: true },
    { weight: 3, arbitrary: fc.constantFrom(...GIT_TEXTS) },
    { weight: 1, arbitrary: arbText().filter(isSaid) },
  );
  const field = fc.option(text);
  return fc.record({ sha: field, branch: field, originUrl: field }, OPTIONAL).filter(saysSomething);
}

function isSaid(text: string): boolean {
  return text.trim() !== "";
}

/** All may be absent; a patch is one where one is not. */
const OPTIONAL = { requiredKeys: [] as [], noNullPrototype: true as const };

function saysSomething(patch: object): boolean {
  return Object.keys(patch).length > 0;
}
