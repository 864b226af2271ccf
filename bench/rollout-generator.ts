/**
 * A seeded rollout of a realistic mix for the replay bench: what Codex writes for coding turns, with the
 * model's encrypted reasoning and the output of its tools as the bulk. Sizes and numbers vary by the
 * seed and nothing else, so that every run measures the same bytes.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";

import { type AppendableItem, encodeLine } from "../src/events/index.ts";
import { createSeededSource, type SeededSource } from "./seeded-source.ts";
import { answerItems, callItems, event, tokenCount, turnContext, userItems } from "./turn-records.ts";

/** What was written. */
export interface GeneratedRollout {
  readonly bytes: number;
  readonly lines: number;
  readonly turns: number;
}

/** Writes about `bytes` bytes of rollout to `path`. */
export async function writeRollout(path: string, bytes: number, seed: number): Promise<GeneratedRollout> {
  const source = createSeededSource(seed);
  const file = createWriteStream(path);
  let written = { bytes: 0, lines: 0, turns: 0 };
  let timeMs = Date.UTC(2026, 4, 5, 10);
  while (written.bytes < bytes) {
    const items = [...(written.turns === 0 ? [SESSION_META] : []), ...turnItems(written.turns, source)];
    let chunk = "";
    for (const item of items) {
      timeMs += Math.round(source.random() * 900);
      chunk += encodeLine(item, new Date(timeMs).toISOString());
    }
    written = {
      bytes: written.bytes + Buffer.byteLength(chunk),
      lines: written.lines + items.length,
      turns: written.turns + 1,
    };
    if (!file.write(chunk)) await once(file, "drain");
  }
  file.end();
  await once(file, "finish");
  return written;
}

const SESSION_META: AppendableItem = {
  type: "session_meta",
  payload: {
    id: "01900000-0000-7000-8000-000000000001",
    timestamp: "2026-05-05T10:00:00.000Z",
    cwd: "/srv/ws",
    originator: "bench",
    cli_version: "0.130.0",
    source: "vscode",
    model_provider: "mock",
  },
};

function turnItems(turn: number, source: SeededSource): readonly AppendableItem[] {
  const turnId = `01900000-0000-7000-9000-${turn.toString().padStart(12, "0")}`;
  const ask = source.text(source.size(20, 400));
  const answer = source.text(source.size(100, 3_000));
  const calls = Array.from({ length: Math.floor(source.random() * 12) }, (_, call) =>
    callItems(`call_${turn}_${call}`, turnId, source),
  );
  return [
    event("task_started", { turn_id: turnId, started_at: 1_777_975_200, model_context_window: 258_400 }),
    turnContext(turnId, "/srv/ws", "2026-05-05"),
    ...userItems(ask),
    ...calls.flat(),
    ...answerItems(answer),
    tokenCount(turn),
    event("task_complete", {
      turn_id: turnId,
      last_agent_message: answer,
      completed_at: 1_777_975_300,
      duration_ms: 100_000,
    }),
  ];
}
