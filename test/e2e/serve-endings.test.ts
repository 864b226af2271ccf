/**
 * How `skein serve` begins and ends: what it says where it can't serve, and that being told to stop, by whomever,
 * records what runs and tells the clients before they are closed.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { skeinEnvironment } from "../support/skein-process.ts";
import { type GatedModel, startGatedModel } from "./gated-model.ts";
import {
  clientOfProcess,
  connectTo,
  type ServeOptions,
  type ServeProcess,
  startServe,
  until,
  type WireClient,
} from "./serve-harness.ts";
import { makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

vi.setConfig({ testTimeout: 60_000 });

let place: SkeinWorkplace;
let model: GatedModel;
beforeAll(async () => {
  await ensureBuilt(projectRoot);
  place = makeWorkplace();
  // Its gate is never opened: a turn runs until it is interrupted.
  model = await startGatedModel();
}, 120_000);
afterAll(async () => {
  await model.close();
  place.remove();
});

let homes = 0;
function newHome(): string {
  return join(place.cwd, `home-${(homes += 1)}`);
}

/** Begins a turn that does not end by itself. */
async function beginTurn(client: WireClient): Promise<BegunTurn> {
  await client.initialize();
  const { thread } = await client.call("thread/start");
  const input = [{ type: "text", text: "does it end", text_elements: [] }];
  await client.call("turn/start", { threadId: thread.id, input });
  await client.hear("turn/started", thread.id);
  return { threadId: thread.id, path: thread.path ?? "" };
}

interface BegunTurn {
  readonly threadId: string;
  /** Of its rollout. */
  readonly path: string;
}

/** How the rollout says that its turns ended. */
function recordedEnds(path: string): readonly string[] {
  const ends = readFileSync(path, "utf8").matchAll(/"type":"(task_complete|turn_aborted)"/g);
  return Array.from(ends, ([, type = ""]) => type);
}

interface Running extends BegunTurn {
  readonly server: ServeProcess;
  readonly client: WireClient;
}

async function serveRunningTurn(options: Partial<ServeOptions> = {}): Promise<Running> {
  const home = newHome();
  const server = startServe(["--json", "--home", home, "--listen", "ws://127.0.0.1:0"], {
    cwd: place.cwd,
    ...options,
    env: { ...model.env, ...options.env },
  });
  const [address = ""] = await server.addresses();
  const client = await connectTo(address);
  return { server, client, ...(await beginTurn(client)) };
}

describe("being told to stop", () => {
  it.each(["SIGINT", "SIGTERM", "SIGHUP"] as const)(
    "by %s: the turn is interrupted and recorded, its client hears that and then why it is closed",
    async (signal) => {
      const { server, client, threadId, path } = await serveRunningTurn();
      expect(await server.stop(signal)).toBe(0);
      expect(await client.closed).toBe("1001 the server is stopping");
      expect(client.heard("turn/completed")).toMatchObject([{ threadId, turn: { status: "interrupted" } }]);
      expect(recordedEnds(path)).toEqual(["turn_aborted"]);
    },
  );

  it("also ends the turns of ephemeral threads, and their clients hear that", async () => {
    const { server, client } = await serveRunningTurn();
    const { thread } = await client.call("thread/start", { ephemeral: true });
    await client.call("turn/start", { threadId: thread.id, input: [{ type: "text", text: "x", text_elements: [] }] });
    await client.hear("turn/started", thread.id);
    expect(await server.stop()).toBe(0);
    expect((await client.hear("turn/completed", thread.id)).turn.status).toBe("interrupted");
  });

  it("by one Ctrl-C that comes several times at once, as it does through npm, is being told once", async () => {
    const { server, path } = await serveRunningTurn();
    for (let copy = 0; copy < 3; copy += 1) server.child.kill("SIGINT");
    expect(await server.ended).toBe(0);
    expect(recordedEnds(path)).toEqual(["turn_aborted"]);
  });

  it("a second Ctrl-C ends it at once, and what was recorded is there", async () => {
    // A client that takes nothing keeps it from ending sooner: it has some seconds for what waits for it.
    const { server, client, path } = await serveRunningTurn();
    client.pause();
    const ask = JSON.stringify({ id: 1, method: "model/list", params: {} });
    for (let asked = 0; asked < 900; asked += 1) client.sendText(ask);
    server.child.kill("SIGINT");
    await until(
      () => recordedEnds(path).length > 0,
      () => "the turn is recorded as interrupted",
    );
    const again = setInterval(() => server.child.kill("SIGINT"), 100);
    onTestFinished(() => clearInterval(again));
    expect(await server.ended).toBe("SIGINT");
    expect(recordedEnds(path)).toEqual(["turn_aborted"]);
  });
});

describe("under npm start", () => {
  const BOOTSTRAP = [
    join(projectRoot, "scripts/bootstrap.mjs"),
    "--default",
    "SKEIN_LISTEN=ws://127.0.0.1:0",
    "--every-signal",
  ];
  const command = [...BOOTSTRAP, "bin/skein.mjs", "serve"];

  async function serveUnderBootstrap(): Promise<Running> {
    const home = newHome();
    const options = { cwd: place.cwd, env: model.env, command, isGroup: true };
    const server = startServe(["--json", "--home", home], options);
    const [address = ""] = await server.addresses();
    const client = await connectTo(address);
    return { server, client, ...(await beginTurn(client)) };
  }

  it.each([
    ["a terminal's Ctrl-C, which goes to the whole group,", (pid: number) => process.kill(-pid, "SIGINT")],
    ["a signal to the first process alone", (pid: number) => process.kill(pid, "SIGINT")],
    ["SIGTERM to the first process alone", (pid: number) => process.kill(pid, "SIGTERM")],
  ])("%s stops it as if there were one process", async (_title, kill) => {
    const { server, client, path } = await serveUnderBootstrap();
    kill(server.pid);
    expect(await server.ended).toBe(0);
    expect(await client.closed).toBe("1001 the server is stopping");
    expect(recordedEnds(path)).toEqual(["turn_aborted"]);
  });
});

it("under npm start, the end of npm and of its shell stops it", async () => {
  const home = newHome();
  // Two commands, so that no shell replaces itself by the first; npm starts scripts this way.
  const script = '"$0" "$@"; exit $?';
  const bootstrap = [join(projectRoot, "scripts/bootstrap.mjs"), "--every-signal", "bin/skein.mjs", "serve"];
  const args = ["--json", "--home", home, "--listen", "ws://127.0.0.1:0"];
  const shell = spawn("sh", ["-c", script, process.execPath, ...bootstrap, ...args], {
    cwd: place.cwd,
    env: skeinEnvironment({ ...model.env, npm_lifecycle_event: "start" }),
    stdio: ["ignore", "pipe", "ignore"],
  });
  onTestFinished(() => void shell.kill("SIGKILL"));
  const [line] = (await once(shell.stdout, "data")) as [Buffer];
  const [address = ""] = (JSON.parse(line.toString()) as { readonly listening: string[] }).listening;
  const client = await connectTo(address);
  const { path } = await beginTurn(client);
  shell.kill("SIGTERM");
  expect(await client.closed).toBe("1001 the server is stopping");
  expect(recordedEnds(path)).toEqual(["turn_aborted"]);
});

describe("standard input", () => {
  async function serveParent(): Promise<Running> {
    const home = newHome();
    const server = startServe(["--home", home], { cwd: place.cwd, env: model.env });
    const client = clientOfProcess(server);
    return { server, client, ...(await beginTurn(client)) };
  }

  it("its end stops the server: the running turn is interrupted, recorded and told", async () => {
    const { server, client, threadId, path } = await serveParent();
    server.child.stdin?.end();
    expect(await server.ended).toBe(0);
    expect((await client.hear("turn/completed", threadId)).turn).toMatchObject({ status: "interrupted" });
    expect(recordedEnds(path)).toEqual(["turn_aborted"]);
    expect(server.said.stderr).toBe("");
  });

  it("a parent whose both ends break off stops it the same way, and no write to nobody crashes it", async () => {
    const { server, path } = await serveParent();
    server.child.stdout?.destroy();
    server.child.stdin?.destroy();
    expect(await server.ended).toBe(0);
    expect(recordedEnds(path)).toEqual(["turn_aborted"]);
    expect(server.said.stderr).toBe("");
  });

  it("a parent that reads nothing any more does not keep it from stopping", async () => {
    const { server, client, threadId, path } = await serveParent();
    client.pause();
    const ask = JSON.stringify({ id: "r", method: "thread/read", params: { threadId, includeTurns: true } });
    for (let asked = 0; asked < 900; asked += 1) client.sendText(ask);
    expect(await server.stop("SIGTERM")).toBe(0);
    expect(recordedEnds(path)).toEqual(["turn_aborted"]);
  });

  it("a parent that is killed stops it too", async () => {
    const home = newHome();
    const program = `
      const { spawn } = require("node:child_process");
      const child = spawn(process.execPath, ${JSON.stringify([join(projectRoot, "bin/skein.mjs"), "serve", "--home", home])});
      const send = (message) => child.stdin.write(JSON.stringify(message) + "\\n");
      let rest = "";
      child.stdout.on("data", (bytes) => {
        rest += bytes;
        const thread = /"id":2,"result":\\{"thread":\\{"id":"([^"]+)"/.exec(rest);
        if (thread && !rest.sent) { send({ id: 3, method: "turn/start", params: { threadId: thread[1], input: [{ type: "text", text: "x" }] } }); }
        const path = /"path":"([^"]+)"/.exec(rest);
        if (rest.includes("turn/started")) console.log(child.pid, path[1]);
      });
      send({ id: 1, method: "initialize", params: { clientInfo: { name: "p", version: "1" } } });
      send({ id: 2, method: "thread/start", params: {} });
    `;
    const parent = spawn(process.execPath, ["-e", program], {
      cwd: place.cwd,
      env: skeinEnvironment(model.env),
      stdio: ["ignore", "pipe", "ignore"],
    });
    onTestFinished(() => void parent.kill("SIGKILL"));
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const [, pid, path = ""] = /^(\d+) (\S+)/.exec(line.toString()) ?? [];
    parent.kill("SIGKILL");
    await until(
      () => !isAlive(Number(pid)),
      () => "the server ends",
    );
    expect(recordedEnds(path)).toEqual(["turn_aborted"]);
  });

  it("that is empty from the start is said to be, for that is a service which was meant to have a port", async () => {
    const { exitCode, stdout, stderr } = await place.skein(["serve"]);
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "" });
    expect(stderr).toMatch(
      /^standard input ended before a client said anything; .* --listen ws:\/\/127\.0\.0\.1:4500\n$/,
    );
  });
});

describe("what can't be served", () => {
  it("a port or a socket that is taken: which command to use instead", async () => {
    const holder = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void holder.close());
    await once(holder, "listening");
    const { port } = holder.address() as { port: number };
    const taken = await place.skein(["serve", "--listen", `ws://127.0.0.1:${port}`]);
    expect(taken).toMatchObject({ exitCode: 5, stdout: "" });
    expect(taken.stderr).toMatch(
      /^skein: another process listens at ws:\S+ already \[io_error\]\n {2}.* serve --listen ws:\S+\n$/,
    );

    const npm = await place.skein(["serve", "--listen", `ws://127.0.0.1:${port}`], {
      env: { npm_lifecycle_event: "start", npm_package_name: "skein" },
    });
    expect(npm.stderr).toContain(`npm start -- --listen ws://127.0.0.1:${port + 1}`);

    const socket = join(place.cwd, "taken.sock");
    const unixHolder = createServer().listen(socket);
    onTestFinished(() => void unixHolder.close());
    await once(unixHolder, "listening");
    const there = await place.skein(["serve", "--listen", `unix://${socket}`]);
    expect(there).toMatchObject({ exitCode: 5, stdout: "" });
    expect(there.stderr).toContain(`--listen unix://${socket}2`);
  });

  const cases: readonly (readonly [string, Readonly<Record<string, string>>, readonly string[], number, RegExp])[] = [
    ["an address that is none", {}, ["--listen", "4500"], 2, /Give stdio:\/\/, unix:.* \[invalid_argument\]\n$/],
    ["one that is none, in the variable", { SKEIN_LISTEN: "tcp://x:1" }, [], 2, /not an address/],
    ["standard input twice", { SKEIN_LISTEN: "stdio://,stdio://" }, [], 2, /can only be served once/],
    ["other machines, without a token", {}, ["--listen", "ws://0.0.0.0:0"], 2, /token.*\n.*SKEIN_TOKEN/],
    ["a token that no header can carry", { SKEIN_TOKEN: "a b" }, ["--listen", "ws://127.0.0.1:0"], 2, /a token is/],
    ["a path too long for a socket", {}, ["--listen", `unix:///tmp/${"x".repeat(120)}`], 2, /may have \d+ bytes/],
    ["a socket in no folder", {}, ["--listen", "unix:///nowhere/at/all"], 5, /its folder must be there.* \[io_error\]/],
    ["a model without a key", { SKEIN_AGENT: "responses" }, [], 2, /OPENAI_API_KEY.* \[invalid_argument\]/],
    ["options of another agent", { SKEIN_MODEL: "x" }, [], 2, /for --agent responses.*\n.*SKEIN_MODEL/],
    ["an agent that nobody knows", { SKEIN_AGENT: "oracle" }, [], 2, /Allowed choices are echo, responses/],
    ["a home that can't be made", {}, ["--home", "/dev/null/x"], 5, /could not make the home.* \[home_unusable\]\n/],
  ];
  it.concurrent.each(cases)("%s", async (_title, env, args, exitCode, stderr) => {
    const result = await place.skein(["serve", ...args], { env });
    expect(result).toMatchObject({ exitCode, stdout: "" });
    expect(result.stderr).toMatch(stderr);
    expect(result.stderr.trim().split("\n").length).toBeLessThan(3);
  });

  it("a state DB that a newer skein made", async () => {
    const home = newHome();
    mkdirSync(home);
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(join(home, "skein.sqlite"));
    db.exec("PRAGMA user_version = 1000000");
    db.close();
    writeFileSync(join(home, "session_index.jsonl"), "");
    const { exitCode, stderr } = await place.skein(["serve", "--home", home]);
    expect({ exitCode, stderr }).toMatchObject({
      exitCode: 5,
      stderr: expect.stringMatching(/\[state_db_newer\]\n {2}.*--no-db/),
    });
  });

  it("a state DB that another process keeps locked", async () => {
    const home = newHome();
    mkdirSync(home);
    const { DatabaseSync } = await import("node:sqlite");
    const db = new DatabaseSync(join(home, "skein.sqlite"));
    db.exec("BEGIN EXCLUSIVE");
    onTestFinished(() => db.close());
    const { exitCode, stderr } = await place.skein(["serve", "--home", home, "--wait", "0"]);
    expect({ exitCode, stderr }).toMatchObject({ exitCode: 5, stderr: expect.stringMatching(/\[state_db_busy\]\n/) });
  });

  it("empty variables count as ones that are not set", async () => {
    const env = {
      SKEIN_LISTEN: "",
      SKEIN_AGENT: "",
      SKEIN_MODEL: "",
      SKEIN_BASE_URL: "",
      SKEIN_PROVIDER: "",
      SKEIN_TOKEN: "",
    };
    expect(await place.skein(["serve", "--json"], { env })).toMatchObject({ exitCode: 0, stdout: "" });
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
