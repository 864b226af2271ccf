/**
 * `skein serve` as clients meet it over each transport: handshake, threads, turns, and the same threads again after
 * a restart.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import {
  clientOfProcess,
  connectTo,
  runTurn,
  type ServeProcess,
  startServe,
  type WireClient,
} from "./serve-harness.ts";
import { makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

vi.setConfig({ testTimeout: 60_000 });

let place: SkeinWorkplace;
let codex: SkeinWorkplace;
beforeAll(async () => {
  await ensureBuilt(projectRoot);
  place = makeWorkplace();
  codex = makeWorkplace("codex");
}, 120_000);
afterAll(() => {
  place.remove();
  codex.remove();
});

interface Served {
  readonly server: ServeProcess;
  readonly client: WireClient;
}

/** Starts a server of this kind on a home of the kind's own, and connects. */
async function serve(kind: string): Promise<Served> {
  const args = ["--json", "--home", join(place.cwd, `home-${kind}`)];
  if (kind === "stdio") {
    const server = startServe(args, { cwd: place.cwd });
    return { server, client: clientOfProcess(server) };
  }
  const address = kind === "unix" ? `unix://${join(place.cwd, "s.sock")}` : "ws://127.0.0.1:0";
  const server = startServe([...args, "--listen", address], { cwd: place.cwd });
  const [bound = ""] = await server.addresses();
  return { server, client: await connectTo(bound) };
}

async function leave(kind: string, { server }: Served): Promise<number | string> {
  if (kind !== "stdio") return await server.stop("SIGINT");
  server.child.stdin?.end();
  return await server.ended;
}

describe.each(["stdio", "unix", "ws"])("over %s", (kind) => {
  it("threads are started, listed, searched, and go on after a restart", async () => {
    const first = await serve(kind);
    const early = await first.client.ask("thread/list", {});
    expect(early.error).toEqual({ code: -32600, message: "Not initialized" });
    await first.client.initialize();
    const { thread } = await first.client.call("thread/start", {});
    const turn = await runTurn(first.client, thread.id, `a zebra over ${kind}`);
    expect(turn).toMatchObject({ status: "completed", error: null });
    const answer = first.client.heard("item/completed").find(({ item }) => item.type === "agentMessage");
    expect(answer).toMatchObject({ threadId: thread.id, item: { text: `Echo: a zebra over ${kind}` } });
    expect(await first.client.call("thread/loaded/list")).toMatchObject({ data: [thread.id] });
    expect(await leave(kind, first)).toBe(0);

    const second = await serve(kind);
    await second.client.initialize();
    expect((await second.client.call("thread/list")).data).toMatchObject([{ id: thread.id }]);
    expect((await second.client.call("thread/search", { searchTerm: "ZEBRA" })).data).toMatchObject([
      { thread: { id: thread.id } },
    ]);
    const resumed = await second.client.call("thread/resume", { threadId: thread.id });
    expect(resumed.thread.turns).toMatchObject([{ status: "completed" }]);
    await runTurn(second.client, thread.id, "and again");
    const read = await second.client.call("thread/read", { threadId: thread.id, includeTurns: true });
    expect(read.thread.turns).toHaveLength(2);
    expect(await leave(kind, second)).toBe(0);
    const told = kind === "stdio" ? second.server.said.stderr : second.server.said.stdout;
    expect(Object.keys(JSON.parse(told) as object)).toEqual(["listening", "home", "agent", "model", "durability"]);
  });
});

it("one process serves several addresses, and a client of one hears what a client of the other does", async () => {
  const addresses = `unix://${join(place.cwd, "both,1.sock")},ws://127.0.0.1:0`;
  const server = startServe(["--json"], { cwd: place.cwd, env: { SKEIN_LISTEN: addresses } });
  const [unix = "", ws = ""] = await server.addresses();
  expect(unix).toBe(`unix://${join(place.cwd, "both,1.sock")}`);
  const [one, other] = [await connectTo(unix), await connectTo(ws)];
  await Promise.all([one.initialize(), other.initialize()]);
  const { thread } = await one.call("thread/start");
  expect((await other.hear("thread/started")).thread.id).toBe(thread.id);
});

it("a Codex home is served as it is, and what is said in it is appended to its own files", async () => {
  const server = startServe(["--json"], { cwd: codex.cwd });
  const client = clientOfProcess(server);
  await client.initialize();
  const { data } = await client.call("thread/list", { limit: 50, sourceKinds: ["cli", "vscode", "exec", "appServer"] });
  expect(data.length).toBeGreaterThan(5);
  const id = data[0]?.id ?? "";
  const { thread } = await client.call("thread/resume", { threadId: id });
  expect(thread.turns.length).toBeGreaterThan(0);
  await runTurn(client, id, "hello from skein");
  expect(readFileSync(thread.path ?? "", "utf8")).toContain("Echo: hello from skein");
});

it("without the state DB all but search is served, and search says why it is not", async () => {
  const server = startServe(["--no-db", "--json", "--home", join(place.cwd, "no-db")], { cwd: place.cwd });
  const client = clientOfProcess(server);
  await client.initialize();
  const { thread } = await client.call("thread/start");
  await runTurn(client, thread.id, "hello");
  expect((await client.call("thread/list")).data).toMatchObject([{ id: thread.id }]);
  const refused = await client.ask("thread/search", { searchTerm: "hello" });
  expect(refused.error?.message).toMatch(/state DB/i);
});

it("standard output has nothing but the protocol, whatever is logged", async () => {
  const server = startServe(["--json", "--log", "debug"], { cwd: place.cwd });
  const client = clientOfProcess(server);
  await client.initialize();
  client.sendText("garbage");
  await client.call("thread/loaded/list");
  server.child.stdin?.end();
  expect(await server.ended).toBe(0);
  for (const line of server.said.stdout.trim().split("\n")) expect(JSON.parse(line)).not.toHaveProperty("level");
  expect(server.said.stderr).toContain("dropped a message");
});
