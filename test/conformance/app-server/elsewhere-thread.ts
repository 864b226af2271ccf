/**
 * A thread as another program leaves it in a home: one turn, and the source or the provider that is asked for.
 * Written as a file, since the program may not be here.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createIdSource, systemClock } from "../../../src/base/index.ts";

/** What the thread is. */
export interface ElsewhereThreadFile {
  readonly home: string;
  readonly cwd: string;
  readonly text: string;
  /** Null: made by `codex exec`, with the usual provider. Else by an app-server. */
  readonly provider: string | null;
}

/** Writes the thread's rollout, made now. */
export async function writeElsewhereThread({ home, cwd, text, provider }: ElsewhereThreadFile): Promise<void> {
  const ids = createIdSource();
  const id = ids.next();
  const now = new Date(systemClock.nowMs());
  const timestamp = now.toISOString();
  const [date = "", time = ""] = timestamp.slice(0, 19).split("T");
  const folder = join(home, "sessions", ...date.split("-"));
  const turnId = ids.next();
  const origin =
    provider === null ? { originator: "codex_exec", source: "exec" } : { originator: "drive", source: "vscode" };
  const meta = { id, timestamp, cwd, ...origin, cli_version: "0.130.0", model_provider: provider ?? "mock" };
  const said = { type: "message", role: "user", content: [{ type: "input_text", text }] };
  const answered = { type: "message", role: "assistant", content: [{ type: "output_text", text: `Echo: ${text}` }] };
  const startedAt = Math.floor(now.getTime() / 1_000);
  const records = [
    ["session_meta", meta],
    ["event_msg", { type: "task_started", turn_id: turnId, started_at: startedAt, model_context_window: 258_400 }],
    ["response_item", said],
    ["event_msg", { type: "user_message", message: text, images: [], local_images: [], text_elements: [] }],
    ["event_msg", { type: "agent_message", message: `Echo: ${text}` }],
    ["response_item", answered],
    ["event_msg", { type: "task_complete", turn_id: turnId, last_agent_message: `Echo: ${text}` }],
  ];
  const lines = records.map(([type, payload]) => JSON.stringify({ timestamp, type, payload }));
  await mkdir(folder, { recursive: true });
  const name = `rollout-${date}T${time.replaceAll(":", "-")}-${id}.jsonl`;
  await writeFile(join(folder, name), `${lines.join("\n")}\n`);
}
