/**
 * Keeps a home of the real peer as a fixture, with what the peer itself read from it, so that every
 * `npm test` compares with Codex where no Codex is. Codex's own instruction texts are replaced (they
 * are long and not ours), and the run's folder is written as `/conformance`; nothing else is touched.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import type { Thread } from "../../src/index.ts";
import type { ConformanceLab } from "./conformance-lab.ts";
import type { SharedHome } from "./home-comparison.ts";

/** What stands for the run's folder in the fixture. */
export const FIXTURE_ROOT = "/conformance";

const BYTES_MAX = 512 * 1024;
const KEPT = ["sessions", "archived_sessions", "session_index.jsonl"] as const;

/** The recorded answers: `reads.json` beside `home/`. */
export interface RecordedReads {
  readonly codexVersion: string;
  /** What `thread/read` with turns answered, by the name of what was done to the thread. */
  readonly threads: Readonly<Record<string, Thread>>;
}

/** Writes `folder/home` and `folder/reads.json`; refuses what is too big to keep. */
export async function recordFixture(lab: ConformanceLab, home: SharedHome, folder: string): Promise<void> {
  const reads = await lab.withCodex(home.path, async (codex) => {
    const threads: Record<string, Thread> = {};
    for (const [name, id] of home.threads) threads[name] = await codex.read(id);
    return threads;
  });
  await rm(folder, { recursive: true, force: true });
  const target = join(folder, "home");
  await mkdir(target, { recursive: true });
  for (const kept of KEPT) await cp(join(home.path, kept), join(target, kept), { recursive: true });
  const root = dirname(home.path);
  const homeName = basename(home.path);
  const neutral = (text: string): string =>
    text.replaceAll(join(root, homeName), `${FIXTURE_ROOT}/home`).replaceAll(root, FIXTURE_ROOT);
  let bytes = 0;
  for (const name of await readdir(target, { recursive: true })) {
    if (!name.endsWith(".jsonl")) continue;
    const path = join(target, name);
    const text = (await readFile(path, "utf8")).split("\n").map(withoutInstructions).join("\n");
    bytes += Buffer.byteLength(text);
    await writeFile(path, neutral(text));
  }
  if (bytes > BYTES_MAX) throw new Error(`the home is too big for a fixture: ${bytes} bytes`);
  const version = Object.values(reads)[0]?.cliVersion ?? "";
  const recorded: RecordedReads = { codexVersion: version, threads: reads };
  await writeFile(join(folder, "reads.json"), `${neutral(JSON.stringify(recorded, null, 1))}\n`);
}

/** The line with Codex's own texts replaced, and every other byte as it was. */
function withoutInstructions(line: string): string {
  if (line === "") return line;
  const { type, payload } = JSON.parse(line) as {
    readonly type: string;
    readonly payload: {
      readonly role?: string;
      readonly content?: unknown;
      readonly base_instructions?: { text: string };
    };
  };
  if (type === "session_meta" && payload.base_instructions !== undefined) {
    return line.replace(JSON.stringify(payload.base_instructions.text), '"(base instructions)"');
  }
  if (type !== "response_item" || payload.role !== "developer" || !Array.isArray(payload.content)) return line;
  const texts = payload.content.map((part: { readonly text?: string }) => JSON.stringify(part.text ?? ""));
  return texts.reduce((shorter, text) => shorter.replace(text, '"(developer instructions)"'), line);
}
