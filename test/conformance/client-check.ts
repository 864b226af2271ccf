/**
 * `skein/client` with the real Codex: what is written for Skein's server works with Codex's, over standard input and
 * output and by WebSocket, as far as that goes; and what does not is refused in a way that can be told.
 */
import { spawn } from "node:child_process";
import { createServer } from "node:net";

import { type ClientOptions, connectClient, isSkeinError, type SkeinClient } from "../../src/client/index.ts";
import { peerEnvironment, writeCodexConfig } from "./codex-peer.ts";
import type { ConformanceLab } from "./conformance-lab.ts";

const PART = "skein/client with Codex";
const TURN_LIMIT_MS = 30_000;
const UNKNOWN = "01a2b3c4-0000-7000-8000-000000000000";

/** Drives Codex by the client, and holds what comes of it against what Codex shows then. */
export async function checkClient(lab: ConformanceLab): Promise<void> {
  const home = lab.homePath("driven-by-client");
  await writeCodexConfig(home, lab.model.baseUrl);
  const place = { env: peerEnvironment(home), cwd: lab.cwd };
  await drive(lab, "stdio", { command: { file: lab.program, args: ["app-server"], ...place } });
  const address = `ws://127.0.0.1:${await freePort()}`;
  await driveListening(lab, { address, ...place });
}

async function driveListening(
  lab: ConformanceLab,
  { address, env, cwd }: { readonly address: string; readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<void> {
  const child = spawn(lab.program, ["app-server", "--listen", address], { env, cwd, stdio: "ignore" });
  try {
    await untilReady(address);
    await drive(lab, "WebSocket", { address });
  } finally {
    child.kill("SIGKILL");
  }
}

async function drive(lab: ConformanceLab, thread: string, options: ClientOptions): Promise<void> {
  const { report } = lab;
  const subject = (claim: string) => ({ part: PART, thread, claim });
  await report.attempt(subject("it connects, asks and hears"), async () => {
    const client = await connectClient({ ...options, reconnect: false });
    try {
      const { thread: started } = await client.request("thread/start", { cwd: lab.cwd });
      const completed = turnOf(client, started.id, "to Codex");
      report.same(subject("a turn is told to its end"), { skein: await completed, codex: "completed" });
      const { thread: read } = await client.request("thread/read", { threadId: started.id, includeTurns: true });
      const texts = read.turns.flatMap(({ items }) => items.flatMap((item) => ("text" in item ? [item.text] : [])));
      report.same(subject("the turn is read as it was told"), { skein: texts, codex: ["Echo: to Codex"] });
      const { thread: fork } = await client.request("thread/fork", { threadId: started.id });
      report.holds(subject("a fork is another thread"), fork.id !== started.id && fork.turns.length === 1, fork.id);
      await client.request("thread/name/set", { threadId: started.id, name: "named by skein/client" });
      report.same(subject("a thread that is not there is refused"), {
        skein: await codeOf(client.request("thread/resume", { threadId: UNKNOWN })),
        codex: "request_refused",
      });
      report.same(subject("a feed of events, which Codex has not, is refused"), {
        skein: await codeOf(client.threadEvents(started.id)[Symbol.asyncIterator]().next()),
        codex: "request_refused",
      });
    } finally {
      await client.close();
    }
  });
}

/** The status of a turn when it is told to be completed. */
async function turnOf(client: SkeinClient, threadId: string, text: string): Promise<string> {
  const status = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no turn/completed within ${TURN_LIMIT_MS} ms`)), TURN_LIMIT_MS);
    const stop = client.on("turn/completed", (params) => {
      if (params.threadId !== threadId) return;
      clearTimeout(timer);
      stop();
      resolve(params.turn.status);
    });
  });
  await client.request("turn/start", { threadId, input: [{ type: "text", text }] });
  return await status;
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "granted";
  } catch (error) {
    return isSkeinError(error) ? error.code : String(error);
  }
}

async function untilReady(address: string): Promise<void> {
  const url = `${address.replace("ws:", "http:")}/readyz`;
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok === true) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${url} was never ready`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await new Promise<number>((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      resolve(typeof address === "object" && address !== null ? address.port : 0);
    });
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}
