/**
 * The model provider that a new thread's session_meta names when the caller names none: the one Codex
 * would record in this home. Codex refuses to resume a thread whose file names a provider it doesn't
 * know, or none at all once its database exists (docs/decisions/0001), so leaving it out is no choice.
 *
 * Only the one top-level key of the home's config.toml is looked at; Skein has no settings there.
 */
import { join } from "node:path";

import { systemCode } from "../../base/index.ts";
import { diskFault } from "./disk-fault.ts";

/** Codex's own default. */
const DEFAULT_PROVIDER = "openai";

/** Reads a small file whole. */
export type ReadText = (path: string) => Promise<string>;

/** The `model_provider` of `<home>/config.toml`, else "openai". A config that can't be read is a fault. */
export async function providerOfHome(home: string, readText: ReadText): Promise<string> {
  const path = join(home, "config.toml");
  try {
    return topLevelProvider(await readText(path)) ?? DEFAULT_PROVIDER;
  } catch (error) {
    const errno = systemCode(error);
    if (errno === "ENOENT" || errno === "ENOTDIR") return DEFAULT_PROVIDER;
    throw diskFault(error, "read the home's config.toml", { path });
  }
}

/** TOML: a key belongs to the top level until the first table header. Both kinds of quotes are strings. */
function topLevelProvider(toml: string): string | undefined {
  for (const line of toml.split(/\r?\n/)) {
    if (/^\s*\[/.test(line)) return undefined;
    const found = /^\s*model_provider\s*=\s*(?:"([^"\\]+)"|'([^']+)')/.exec(line);
    if (found) return found[1] ?? found[2];
  }
  return undefined;
}
