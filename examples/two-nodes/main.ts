/**
 * Two nodes serve the same threads from one PostgreSQL, and one of them is killed in the middle of a turn: the client
 * goes on at the other. Run it with `npm run two-nodes`: it starts a PostgreSQL in the temporary folder (the machine's own,
 * or one that it fetches). `npm run two-nodes -- postgres://USER@HOST/DATABASE` takes yours, and a schema of its own in
 * it. It leaves nothing of either.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { connectClient } from "skein/client";

import { startOwnPostgres } from "./own-postgres.ts";
import { makeOwnSchema } from "./own-schema.ts";

// However the example ends, nothing of it stays.
let isEnding = false;
const children: ChildProcess[] = [];
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.once(signal, () => void end(1));
process.once("uncaughtException", (error) => void giveUp(error));

const [, , given] = process.argv;
const opening = given === undefined ? startOwnPostgres() : makeOwnSchema(given);
const { url, schema } = await opening;
const first = await startNode();
const second = await startNode();
console.log("nodes at", first.address, "and", second.address);

const client = await connectClient({ addresses: [first.address, second.address] });
const ended = new Map<string, () => void>();
let heard = (): void => {};
client.on("item/agentMessage/delta", () => heard());
client.on("turn/completed", ({ turn }) => {
  console.log("a turn is", turn.status);
  ended.get(turn.id)?.();
});

const { thread } = await client.request("thread/start", {});
await runTurn("Hello, first node.");

await startTurn("A long answer, please: this one is interrupted where it stands, because its node is killed.");
await new Promise<void>((resolve) => (heard = resolve));
const reconnected = new Promise<void>((resolve) => {
  client.notifications.subscribe(({ type }) => type === "reconnected" && resolve());
});
first.child.kill("SIGKILL");
console.log("the first node was killed in the middle of a turn");
await reconnected;

// It waits until the dead node's lease is over; the other node then owns the thread.
await runTurn("Are you there?");

const ordinals: number[] = [];
for await (const event of client.threadEvents(thread.id)) {
  if (event.type !== "record") continue;
  ordinals.push(event.record.ordinal);
  const { item } = event.record;
  if (item.type === "event_msg" && item.payload.type === "agent_message")
    console.log(`#${event.record.ordinal}`, item.payload["message"]);
  const isLast = item.type === "event_msg" && item.payload.type === "task_complete";
  if (isLast && JSON.stringify(item.payload).includes("Are you there?")) break;
}
console.log(ordinals.every((ordinal, index) => ordinal === index) ? "no gap, no double" : "something is wrong");

await client.close();
second.child.kill("SIGTERM");
if (second.child.exitCode === null) await once(second.child, "exit");
await end(0);

/** Says what is missing, in one line. */
async function giveUp(error: unknown): Promise<never> {
  if (!isEnding) console.error(error instanceof Error ? error.message : error);
  return end(1);
}

/** Ends the nodes that are still there, and what the example made in the database. */
async function end(exitCode: number): Promise<never> {
  if (isEnding) return new Promise(() => {});
  isEnding = true;
  for (const child of children) child.kill("SIGKILL");
  const database = await opening.catch(() => null);
  await database?.stop().catch(({ message }: Error) => console.error(message));
  return process.exit(exitCode);
}

async function startTurn(text: string): Promise<string> {
  const { turn } = await client.request("turn/start", { threadId: thread.id, input: [{ type: "text", text }] });
  return turn.id;
}

async function runTurn(text: string): Promise<void> {
  const turnId = await startTurn(text);
  await new Promise<void>((resolve) => ended.set(turnId, resolve));
}

/** Starts node.ts in a process of its own, and waits until it serves. */
async function startNode(): Promise<{ readonly address: string; readonly child: ChildProcess }> {
  const address = `ws://127.0.0.1:${await freePort()}`;
  const program = fileURLToPath(new URL("./node.ts", import.meta.url));
  const child = spawn(process.execPath, [...process.execArgv, program, url, schema, address], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("a node did not start: what it said is above"))),
  ]);
  return { address, child };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
