/**
 * Rollouts made by hand, line by line, as Codex and others may have written them, and whole folders as
 * bytes to compare.
 */
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";

import { makeHome } from "./store-lab.ts";

/** The id of hand-made rollouts. */
export const ODD_ID = "01900000-0000-7000-8000-000000000001";

/** A session_meta line as Codex writes it. */
export function metaLine(id = ODD_ID, more: object = {}): string {
  const payload = {
    id,
    timestamp: "2026-05-05T10:00:00.000Z",
    cwd: "/srv/ws",
    originator: "syn",
    cli_version: "0.130.0",
    source: "vscode",
    model_provider: "mock",
    ...more,
  };
  return `${JSON.stringify({ timestamp: "2026-05-05T10:00:00.000Z", type: "session_meta", payload })}\n`;
}

/** A message line as Codex writes it. */
export function messageLine(text: string, timestamp = "2026-05-05T10:00:01.000Z"): string {
  const payload = { type: "user_message", message: text, images: [], local_images: [], text_elements: [] };
  return `${JSON.stringify({ timestamp, type: "event_msg", payload })}\n`;
}

/** A home with one rollout of these bytes under a canonical name. */
export async function homeWith(bytes: Buffer | string, id = ODD_ID): Promise<{ home: string; file: string }> {
  const home = await makeHome();
  const file = join(home, "sessions/2026/05/05", `rollout-2026-05-05T10-00-00-${id}.jsonl`);
  await writeInto(file, bytes);
  return { home, file };
}

export async function writeInto(file: string, bytes: Buffer | string): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(file, bytes);
}

/** Every file of a folder with its bytes, by relative path. */
export async function snapshot(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const read = await Promise.all(
    files.toSorted().map(async (file) => [relative(folder, file), await readFile(file, "latin1")] as const),
  );
  return Object.fromEntries(read);
}
