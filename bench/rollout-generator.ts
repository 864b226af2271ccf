/**
 * A seeded rollout of a realistic mix for the replay bench: what Codex writes for coding turns, with the
 * model's encrypted reasoning and the output of its tools as the bulk. Sizes and numbers vary by the
 * seed and nothing else, so that every run measures the same bytes.
 */
import { once } from "node:events";
import { createWriteStream } from "node:fs";

import { type AppendableItem, encodeLine } from "../src/events/index.ts";

/** What was written. */
export interface GeneratedRollout {
  readonly bytes: number;
  readonly lines: number;
  readonly turns: number;
}

/** Where sizes and texts come from. */
interface Source {
  /** 0 up to 1. */
  random(): number;
  /** Words of about this many characters. */
  text(chars: number): string;
  /** Between two sizes, small ones more often. */
  size(low: number, high: number): number;
}

/** Writes about `bytes` bytes of rollout to `path`. */
export async function writeRollout(path: string, bytes: number, seed: number): Promise<GeneratedRollout> {
  const source = createSource(seed);
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

const WORDS = "the a turn reads file writes test fails passes src/index.ts line error: fix value return".split(" ");

function createSource(seed: number): Source {
  let state = seed >>> 0;
  // mulberry32: small, seeded, good enough to vary sizes.
  const random = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const text = (chars: number): string => {
    const words: string[] = [];
    for (let left = chars; left > 0; left -= (words.at(-1) ?? "").length + 1) {
      words.push(WORDS[Math.floor(random() * WORDS.length)] ?? "");
    }
    return words.join(random() < 0.2 ? "\n" : " ");
  };
  return { random, text, size: (low, high) => Math.round(low * (high / low) ** random()) };
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

function turnItems(turn: number, source: Source): readonly AppendableItem[] {
  const turnId = `01900000-0000-7000-9000-${turn.toString().padStart(12, "0")}`;
  const ask = source.text(source.size(20, 400));
  const answer = source.text(source.size(100, 3_000));
  const calls = Array.from({ length: Math.floor(source.random() * 12) }, (_, call) =>
    callItems(`call_${turn}_${call}`, turnId, source),
  );
  return [
    event("task_started", { turn_id: turnId, started_at: 1_777_975_200, model_context_window: 258_400 }),
    turnContext(turnId),
    message("user", ask),
    event("user_message", { message: ask, images: [], local_images: [], text_elements: [] }),
    ...calls.flat(),
    event("agent_message", { message: answer, phase: null, memory_citation: null }),
    message("assistant", answer),
    tokenCount(turn),
    event("task_complete", {
      turn_id: turnId,
      last_agent_message: answer,
      completed_at: 1_777_975_300,
      duration_ms: 100_000,
    }),
  ];
}

function callItems(callId: string, turnId: string, source: Source): readonly AppendableItem[] {
  const thought = source.text(source.size(40, 300));
  const diff = source.text(source.size(100, 3_000));
  const patch = event("patch_apply_end", {
    call_id: `${callId}_p`,
    turn_id: turnId,
    stdout: "Success.",
    stderr: "",
    success: true,
    changes: { "/srv/ws/a.ts": { type: "update", unified_diff: diff, move_path: null } },
    status: "completed",
  });
  return [
    event("agent_reasoning", { text: thought }),
    response("reasoning", {
      summary: [{ type: "summary_text", text: thought }],
      content: null,
      encrypted_content: source.text(source.size(800, 3_000)),
    }),
    response("function_call", {
      name: "exec_command",
      arguments: JSON.stringify({ cmd: source.text(60) }),
      call_id: callId,
    }),
    tokenCount(1),
    ...(source.random() < 0.15 ? [patch] : []),
    response("function_call_output", { call_id: callId, output: source.text(source.size(100, 12_000)) }),
  ];
}

type Members = Readonly<Record<string, unknown>>;

function event(type: string, members: Members): AppendableItem {
  return { type: "event_msg", payload: { type, ...members } };
}

function response(type: string, members: Members): AppendableItem {
  return { type: "response_item", payload: { type, ...members } };
}

function message(role: string, text: string): AppendableItem {
  const type = role === "user" ? "input_text" : "output_text";
  return response("message", { role, content: [{ type, text }] });
}

function turnContext(turnId: string): AppendableItem {
  return {
    type: "turn_context",
    payload: {
      turn_id: turnId,
      cwd: "/srv/ws",
      current_date: "2026-05-05",
      timezone: "Etc/UTC",
      approval_policy: "never",
      sandbox_policy: { type: "danger-full-access" },
      permission_profile: { type: "disabled" },
      model: "mock-model",
      summary: "auto",
      truncation_policy: { mode: "bytes", limit: 10_000 },
    },
  };
}

function tokenCount(tokens: number): AppendableItem {
  const usage = {
    input_tokens: tokens,
    cached_input_tokens: 0,
    output_tokens: 9,
    reasoning_output_tokens: 0,
    total_tokens: tokens + 9,
  };
  return event("token_count", {
    info: { total_token_usage: usage, last_token_usage: usage, model_context_window: 258_400 },
    rate_limits: { limit_id: "codex", limit_name: null, primary: null, secondary: null, credits: null },
  });
}
