/**
 * What a parent of `skein serve` sees while the home behind it still opens, or can't be opened: its first answer at
 * once, the rest when the home is there, and the reason when it will not be. A lock on the state DB holds an opening
 * for as long as a test likes.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { afterAll, beforeAll, expect, it, onTestFinished } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { clientOfProcess, type ServeProcess, startServe, type WireClient } from "./serve-harness.ts";
import { makeWorkplace, type SkeinWorkplace } from "./skein-workplace.ts";

let place: SkeinWorkplace;
beforeAll(async () => {
  await ensureBuilt(projectRoot);
  place = makeWorkplace();
}, 120_000);
afterAll(() => place.remove());

let homes = 0;
function newHome(): string {
  return join(place.cwd, `home-${(homes += 1)}`);
}

interface Started {
  readonly home: string;
  readonly server: ServeProcess;
  readonly client: WireClient;
}

function start(home: string, args: readonly string[] = []): Started {
  const server = startServe(["--home", home, ...args], { cwd: place.cwd });
  return { home, server, client: clientOfProcess(server) };
}

/** A server whose home does not open before `open` is called. */
async function startHeld(): Promise<Started & { readonly open: () => void }> {
  const home = newHome();
  await place.skein(["serve", "--home", home]);
  const holder = new DatabaseSync(join(home, "skein.sqlite"));
  onTestFinished(() => {
    if (holder.isOpen) holder.close();
  });
  holder.exec("BEGIN EXCLUSIVE");
  return { ...start(home), open: () => holder.close() };
}

it("the first answer comes before the home is open, and the rest then, in order", async () => {
  const { client, open, home } = await startHeld();
  const { codexHome } = await client.call("initialize", { clientInfo: { name: "e2e", version: "1.0.0" } });
  expect(codexHome).toBe(home);
  const answers = [client.ask("thread/start", {}), client.ask("thread/loaded/list", {}), client.ask("model/list", {})];
  expect(client.messages).toHaveLength(1);
  open();
  for (const { error } of await Promise.all(answers)) expect(error).toBeUndefined();
});

it("standard input ends before the home is open: what was asked is answered, and the server ends", async () => {
  const { client, open, server } = await startHeld();
  await client.initialize();
  const listed = client.ask("model/list", {});
  server.child.stdin?.end();
  open();
  expect((await listed).error).toBeUndefined();
  expect(await server.ended).toBe(0);
  expect(server.said.stderr).toBe("");
});

it("a parent that is gone before the home is open: the server ends without a word", async () => {
  const { client, open, server } = await startHeld();
  await client.initialize();
  client.sendText(JSON.stringify({ id: 9, method: "thread/start", params: {} }));
  client.vanish();
  open();
  expect(await server.ended).toBe(0);
  expect(server.said.stderr).toBe("");
});

it.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)(
  "%s before the home is open ends the server when it is, as it does later",
  async (signal) => {
    const { client, open, server } = await startHeld();
    await client.initialize();
    server.child.kill(signal);
    open();
    expect(await server.ended).toBe(0);
    expect(server.said.stderr).toBe("");
  },
);

it("a home that can't be opened: the parent hears why for each request, and the process says it once and ends with its code", async () => {
  const home = newHome();
  mkdirSync(home);
  const db = new DatabaseSync(join(home, "skein.sqlite"));
  db.exec("PRAGMA user_version=1000000");
  db.close();
  writeFileSync(join(home, "session_index.jsonl"), "");
  const { client, server } = start(home);
  client.sendText(
    [
      { id: 1, method: "initialize", params: { clientInfo: { name: "e2e", version: "1.0.0" } } },
      { id: 2, method: "thread/start", params: {} },
      { id: "three", method: "thread/list", params: {} },
    ]
      .map((message) => JSON.stringify(message))
      .join("\n"),
  );
  expect(await server.ended).toBe(5);
  expect(await client.closed).toBe("ended");
  const [first, second, third] = client.messages;
  expect(client.messages).toHaveLength(3);
  expect(first).toMatchObject({ id: 1, result: { codexHome: home } });
  for (const [refused, id] of [
    [second, 2],
    [third, "three"],
  ]) {
    expect(refused).toMatchObject({
      id,
      error: {
        code: -32_603,
        message: expect.stringMatching(/^the server could not start: /),
        data: { skeinCode: "state_db_newer", retryable: false },
      },
    });
  }
  expect(server.said.stderr).toMatch(/^skein: .* \[state_db_newer\]\n/);
  expect(server.said.stderr.trim().split("\n").length).toBeLessThan(3);
});

it("options that can't be are told to the parent too", async () => {
  const { client, server } = start(newHome(), ["--model", "x"]);
  const lines = [
    { id: 1, method: "initialize", params: { clientInfo: { name: "e2e", version: "1.0.0" } } },
    { id: 2, method: "model/list", params: {} },
  ];
  client.sendText(lines.map((line) => JSON.stringify(line)).join("\n"));
  expect(await server.ended).toBe(2);
  await client.closed;
  expect(client.messages[1]?.error?.message).toMatch(/^the server could not start: .* --agent responses/);
  expect(server.said.stderr).toContain("[invalid_argument]");
});
