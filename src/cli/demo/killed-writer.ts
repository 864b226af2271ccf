/**
 * Runs the demo's child process until it is in the middle of an answer, then kills it with SIGKILL, as
 * a power cut or the out-of-memory killer would. Keeps what the child was told before it died.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { fault } from "../../base/index.ts";
import type { RolloutItem } from "../../events/index.ts";

/** A record that the killed process was told is durable. */
export interface AcknowledgedRecord {
  readonly ordinal: number;
  readonly item: RolloutItem;
}

/** What is known of the process that was killed. */
export interface KilledWriter {
  readonly acknowledged: readonly AcknowledgedRecord[];
  /** The turn that was being answered. */
  readonly turnId: string;
  /** The words of its answer that had been shown. */
  readonly shownText: string;
}

type ChildMessage =
  | { readonly type: "acknowledged"; readonly ordinal: number; readonly item: RolloutItem }
  | { readonly type: "delta"; readonly turnId: string; readonly delta: string };

/** The second turn is killed, after this many pieces of its answer. */
const TURNS_BEFORE_KILL = 1;
const PIECES_BEFORE_KILL = 4;

/** Lets a child go on with the thread and kills it in the middle of its second answer. */
export async function killWriterMidTurn(home: string, threadId: string): Promise<KilledWriter> {
  const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
  const entry = fileURLToPath(new URL(`./demo-child.${extension}`, import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, entry, home, threadId], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", () => resolve());
  });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString()).slice(-2_000);
  });
  const acknowledged: AcknowledgedRecord[] = [];
  const turns: string[] = [];
  let pieces: string[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line) as ChildMessage;
    if (message.type === "acknowledged") {
      const { ordinal, item } = message;
      acknowledged.push({ ordinal, item });
      continue;
    }
    if (turns.at(-1) !== message.turnId) {
      turns.push(message.turnId);
      pieces = [];
    }
    pieces.push(message.delta);
    // What is still in the pipe was acknowledged before the kill too, so the rest is read as well.
    if (turns.length > TURNS_BEFORE_KILL && pieces.length === PIECES_BEFORE_KILL) child.kill("SIGKILL");
  }
  await ended;
  const turnId = turns.at(-1);
  if (child.signalCode !== "SIGKILL" || turnId === undefined) {
    throw fault("io_error", `the process to be killed ended by itself: ${complaint.trim() || "no word"}`);
  }
  return { acknowledged, turnId, shownText: pieces.join("") };
}
