/**
 * `skein serve` on a WebSocket port of its own choice, while a visit lasts. It says as JSON where it listens, and is
 * ended by SIGTERM, as a person or a service would.
 */
import { spawn } from "node:child_process";

import { systemClock } from "../../../src/base/index.ts";
import type { ClientStage } from "./client-stage.ts";

const START_MS_MAX = 30_000;
const STOP_MS_MAX = 15_000;

/** Serves, visits with the address, and ends the server. */
export async function serveAtPort<Result>(
  stage: ClientStage,
  visit: (address: string) => Promise<Result>,
): Promise<Result> {
  const args = [...stage.serveArguments("ws://127.0.0.1:0"), "--json"];
  const server = spawn(process.execPath, args, { cwd: stage.cwd, env: stage.env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<void>((resolve) => server.once("close", () => resolve()));
  try {
    const said = await new Promise<string>((resolve, reject) => {
      let text = "";
      const timer = systemClock.setTimer(START_MS_MAX, () =>
        reject(new Error(`it did not say where it listens: ${text}`)),
      );
      const take = (piece: string): void => {
        text += piece;
        if (!text.includes("\n")) return;
        timer.cancel();
        resolve(text);
      };
      server.stdout.setEncoding("utf8").on("data", take);
      server.stderr.setEncoding("utf8").on("data", (piece: string) => (text += piece));
      void ended.then(() => reject(new Error(`it ended: ${text}`)));
    });
    const { listening } = JSON.parse(said.split("\n")[0] ?? "") as { readonly listening: readonly string[] };
    return await visit(listening[0] ?? "");
  } finally {
    server.kill("SIGTERM");
    const timer = systemClock.setTimer(STOP_MS_MAX, () => server.kill("SIGKILL"));
    await ended;
    timer.cancel();
  }
}
