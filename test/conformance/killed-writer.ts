/**
 * A process of Skein that is killed while it appends: it starts a thread, runs turns without a pause
 * and says each one that ended; after a few it gets SIGKILL, wherever it is.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CHILD = fileURLToPath(new URL("./killed-writer-child.ts", import.meta.url));
const TURNS_BEFORE_THE_KILL = 5;
const CHILD_MS_MAX = 60_000;

export interface KilledWriter {
  readonly threadId: string;
  /** The rollout's path. */
  readonly path: string;
  /** Turns whose end was said before the kill. */
  readonly turnsAcknowledged: number;
}

/** Starts the writer on the home, kills it, and gives what it had said. */
export async function killWhileAppending(home: string, cwd: string): Promise<KilledWriter> {
  const child = spawn(process.execPath, [CHILD, home, cwd], {
    timeout: CHILD_MS_MAX,
    killSignal: "SIGKILL",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  let said: KilledWriter | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    said = JSON.parse(line) as KilledWriter;
    if (said.turnsAcknowledged >= TURNS_BEFORE_THE_KILL) child.kill("SIGKILL");
  }
  await ended;
  if (said === undefined) throw new Error(`the writer said nothing: ${stderr}`);
  return said;
}
