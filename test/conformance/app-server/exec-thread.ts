/**
 * A thread as `codex exec` leaves it in a home: one turn, source `exec`, another provider of its own times.
 * Written as a file, since the program may not be here.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { createIdSource, systemClock } from "../../../src/base/index.ts";

/** Writes the thread's rollout under `home`, made now. */
export async function writeExecThread(home: string, cwd: string, text: string): Promise<void> {
  const ids = createIdSource();
  const id = ids.next();
  const now = new Date(systemClock.nowMs());
  const timestamp = now.toISOString();
  const [date = "", time = ""] = timestamp.slice(0, 19).split("T");
  const folder = join(home, "sessions", ...date.split("-"));
  const turnId = ids.next();
  const meta = { id, timestamp, cwd, originator: "codex_exec", cli_version: "0.130.0", source: "exec" };
  const said = { type: "message", role: "user", content: [{ type: "input_text", text }] };
  const answered = { type: "message", role: "assistant", content: [{ type: "output_text", text: `Echo: ${text}` }] };
  const startedAt = Math.floor(now.getTime() / 1_000);
  const records = [
    ["session_meta", { ...meta, model_provider: "mock" }],
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
