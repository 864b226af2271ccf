/**
 * Several clients of one `skein serve`: what one does the other hears, one that dies takes nothing with it, one that
 * reads nothing costs the others nothing, and one that may not come in stays out.
 */
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { type GatedModel, startGatedModel } from "./gated-model.ts";
import { connectTo, runTurn, type ServeProcess, startServe, until, type WireClient } from "./serve-harness.ts";
import { makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

const MIB = 1024 * 1024;

vi.setConfig({ testTimeout: 60_000 });

let place: SkeinWorkplace;
beforeAll(async () => {
  await ensureBuilt(projectRoot);
  place = makeWorkplace();
}, 120_000);
afterAll(() => place.remove());

/** A server on a free port, on a home of its own. */
async function serve(
  env: Readonly<Record<string, string>> = {},
  args: readonly string[] = [],
): Promise<{ readonly server: ServeProcess; readonly address: string; readonly connect: () => Promise<WireClient> }> {
  const home = join(place.cwd, `home-${(homes += 1)}`);
  const server = startServe(["--json", "--home", home, "--listen", "ws://127.0.0.1:0", ...args], {
    cwd: place.cwd,
    env,
  });
  const [address = ""] = await server.addresses();
  const connect = async (): Promise<WireClient> => {
    const client = await connectTo(address);
    await client.initialize();
    return client;
  };
  return { server, address, connect };
}
let homes = 0;

async function gatedModel(): Promise<GatedModel> {
  const model = await startGatedModel();
  onTestFinished(() => model.close());
  return model;
}

function input(text: string): readonly object[] {
  return [{ type: "text", text, text_elements: [] }];
}

it("two clients: what one starts the other lists and resumes, and both hear a turn of either", async () => {
  const { connect } = await serve();
  const [one, other] = [await connect(), await connect()];
  const { thread } = await one.call("thread/start");
  expect((await other.hear("thread/started")).thread.id).toBe(thread.id);
  await runTurn(one, thread.id, "first");
  expect(other.messages.filter(({ method }) => method?.startsWith("item/"))).toEqual([]);
  expect((await other.call("thread/list")).data).toMatchObject([{ id: thread.id }]);
  expect((await other.call("thread/resume", { threadId: thread.id })).thread.turns).toHaveLength(1);
  const turn = await runTurn(other, thread.id, "second");
  const isItsEnd = (told: { readonly turn: { readonly id: string } }): boolean => told.turn.id === turn.id;
  await until(
    () => one.heard("turn/completed").some(isItsEnd),
    () => "the first client hears its end",
  );
  expect(one.heard("turn/completed").filter(isItsEnd)).toHaveLength(1);
});

it("a client that dies mid-turn takes nothing with it: another one resumes the thread and hears the turn end", async () => {
  const model = await gatedModel();
  const { connect } = await serve(model.env);
  const mortal = await connect();
  const { thread, model: name, modelProvider } = await mortal.call("thread/start");
  expect({ name, modelProvider }).toEqual({ name: "mock-model", modelProvider: "mock" });
  await mortal.call("turn/start", { threadId: thread.id, input: input("will you be there") });
  await until(
    () => model.waiting === 1,
    () => "the model is asked",
  );
  mortal.vanish();
  const heir = await connect();
  const resumed = await heir.call("thread/resume", { threadId: thread.id });
  expect(resumed.thread).toMatchObject({ status: { type: "active" }, turns: [{ status: "inProgress" }] });
  model.open();
  const { turn } = await heir.hear("turn/completed", thread.id);
  expect(turn).toMatchObject({ status: "completed", error: null });
  const read = await heir.call("thread/read", { threadId: thread.id, includeTurns: true });
  expect(read.thread.turns[0]?.items.at(-1)).toMatchObject({ text: "Echo: will you be there" });
});

it("a client that reads nothing is closed with a reason; the server's memory is bounded, and others are served", async () => {
  const { server, connect } = await serve({}, ["--log", "info"]);
  const [slow, busy] = [await connect(), await connect()];
  const { thread } = await busy.call("thread/start");
  await runTurn(busy, thread.id, "x".repeat(MIB / 2));
  const before = server.residentBytes();
  slow.pause();
  const asks = Array.from({ length: 260 }, (_, id) =>
    JSON.stringify({ id, method: "thread/read", params: { threadId: thread.id, includeTurns: true } }),
  );
  for (const ask of asks) slow.sendText(ask);
  let peak = before;
  await until(
    () => {
      peak = Math.max(peak, server.residentBytes());
      return server.said.stderr.includes("too slow");
    },
    () => server.said.stderr.slice(-1_000),
  );
  expect(await runTurn(busy, thread.id, "still here")).toMatchObject({ status: "completed" });
  slow.resume();
  expect(await slow.closed).toMatch(/^1013 too slow: \d+ bytes wait for it|^1006/);
  // What may wait for it, once more as the frames that are being written, and room for what is being made.
  expect(peak - before).toBeLessThan(400 * MIB);
  expect(await server.stop()).toBe(0);
});

it("a client that asks too much at once is told so with -32001, and served again when that is done", async () => {
  const { connect } = await serve();
  const [eager, other] = [await connect(), await connect()];
  const { thread } = await eager.call("thread/start");
  const count = 3_000;
  for (let id = 1_000; id < 1_000 + count; id += 1) {
    eager.sendText(JSON.stringify({ id, method: "thread/name/set", params: { threadId: thread.id, name: `n${id}` } }));
  }
  await other.call("thread/loaded/list");
  const answered = await until(
    () => {
      const answers = eager.messages.filter(({ id }) => typeof id === "number" && id >= 1_000);
      return answers.length === count && answers;
    },
    () => `${eager.messages.length} messages`,
  );
  const refused = answered.filter(({ error }) => error !== undefined);
  for (const { error } of refused)
    expect(error).toMatchObject({ code: -32001, message: expect.stringMatching(/overloaded/) });
  expect(refused.length).toBeGreaterThan(0);
  expect(refused.length).toBeLessThan(count - 1_000);
  expect(await runTurn(eager, thread.id, "at last")).toMatchObject({ status: "completed" });
});

describe("who may come in", () => {
  it("with a token: only who has it, and health is told to everybody", async () => {
    const { server, address } = await serve({ SKEIN_TOKEN: "abc.def" }, ["--log", "debug"]);
    await expect(connectTo(address)).rejects.toThrow("401");
    await expect(connectTo(address, { authorization: "Bearer abc.deg" })).rejects.toThrow("401");
    const client = await connectTo(address, { authorization: "Bearer abc.def" });
    await client.initialize();
    for (const path of ["/readyz", "/healthz"]) {
      expect((await fetch(`${address.replace("ws", "http")}${path}`)).status).toBe(200);
    }
    expect(await server.stop()).toBe(0);
    expect(`${server.said.stdout}${server.said.stderr}`).not.toContain("abc.def");
  });

  it("a browser's page only if its origin was named", async () => {
    const { address } = await serve({ SKEIN_ALLOW_ORIGIN: "http://localhost:3000,http://localhost:4000" });
    await expect(connectTo(address, { origin: "http://evil.example" })).rejects.toThrow("403");
    const client = await connectTo(address, { origin: "http://localhost:4000" });
    await client.initialize();
  });
});
