/**
 * Starts the model that answers at once, in a process of its own, and says where it is. It ends with its
 * `close`, and when this process does.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { nodeTypeFlags } from "../support/node-flags.ts";

/** A running model, by the base URLs under which it answers. */
export interface InstantModel {
  /** Answers 32 characters. */
  readonly shortUrl: string;
  /** Answers 1,000 characters, as answers are. */
  readonly ordinaryUrl: string;
  /** Answers 4,000 characters. */
  readonly longUrl: string;
  close(): Promise<void>;
}

const CHILD = fileURLToPath(new URL("./instant-model-child.ts", import.meta.url));

/** Starts it on a free port of loopback. */
export async function startInstantModel(): Promise<InstantModel> {
  const child = spawn(process.execPath, [...nodeTypeFlags(), CHILD], { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const { value, done } = await lines.next();
  if (done === true) throw new Error("the instant model ended before it listened");
  const close = async (): Promise<void> => {
    child.stdin.end();
    await exited;
  };
  const urlOf = (size: string): string => `${value}/${size}/v1`;
  return { shortUrl: urlOf("short"), ordinaryUrl: urlOf("ordinary"), longUrl: urlOf("long"), close };
}
