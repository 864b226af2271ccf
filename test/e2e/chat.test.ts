/**
 * `skein chat` on a pipe and with a model: one turn a line, the thread's id at the end, what a failed
 * turn and an interrupt do. The model is a real HTTP server on loopback.
 */
import { once } from "node:events";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import type { Turn } from "../../src/events/index.ts";
import { type MockResponsesServer, startMockResponsesServer } from "../conformance/mock-responses-server.ts";
import { startSkein } from "../support/skein-process.ts";
import { makeWorkplace, type SkeinWorkplace, type ThreadAnswer } from "./skein-workplace.ts";

let place: SkeinWorkplace;
let model: MockResponsesServer;
beforeAll(async () => {
  place = makeWorkplace();
  model = await startMockResponsesServer();
});
afterAll(async () => {
  await model.close();
  place.remove();
});

const withModel = (): string[] => ["--agent", "responses", "--base-url", model.baseUrl, "--model", "mock-model"];
const env = { OPENAI_API_KEY: "any" };

describe("chat on a pipe", () => {
  it("runs one turn a line, passes blank lines over, and names the thread on standard error", async () => {
    const { exitCode, stdout, stderr } = await place.skein(["chat"], { input: "one\n\n  \r\ntwo" });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "Echo: one\nEcho: two\n" });
    expect(stderr).toMatch(/^thread [0-9a-f-]{36}\n$/);
  });

  it("keeps no thread in which nothing was said, and makes no home for it", async () => {
    const result = await place.skein(["chat", "--home", "fresh"], { input: "\n" });
    expect(result).toEqual({ exitCode: 0, stdout: "", stderr: "nothing was said, so no thread was kept\n" });
    expect(existsSync(join(place.cwd, "fresh"))).toBe(false);
  });

  it("goes on with the thread that was changed last, one JSON turn a line", async () => {
    const id = await place.startThread("earlier");
    const { stdout, stderr } = await place.skein(["chat", "--last", "--json"], { input: "a\nb\n" });
    const turns = stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { threadId: string; turn: Turn });
    expect(turns.map(({ threadId, turn }) => [threadId, turn.status])).toEqual([
      [id, "completed"],
      [id, "completed"],
    ]);
    expect(stderr).toBe("");
  });
});

describe("chat with a model", () => {
  it("sends the conversation so far, and takes the key from the environment alone", async () => {
    const { exitCode, stdout } = await place.skein(["chat", ...withModel()], { env, input: "first\nsecond\n" });
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: "Echo: first\nEcho: second\n" });
    const last = model.requests.at(-1);
    expect(last?.model).toBe("mock-model");
    expect(last?.input.map(({ role }) => role)).toEqual(["user", "assistant", "user"]);
  });

  it("ends with 1 at the first turn that fails, sends no line after it, and the failure is recorded", async () => {
    const asked = model.requests.length;
    const { exitCode, stdout, stderr } = await place.skein(["chat", ...withModel()], {
      env,
      input: "fine\n{{status:400}}\nnever sent\n",
    });
    expect({ exitCode, stdout }).toEqual({ exitCode: 1, stdout: "Echo: fine\n" });
    expect(stderr).toMatch(/^thread (\S+)\nskein: the turn failed: .*the mock says 400.* \[agent_failed\]\n/);
    expect(model.requests.length - asked).toBe(2);
    const id = String(/^thread (\S+)$/m.exec(stderr)?.[1]);
    const { thread } = await place.json<ThreadAnswer>(["show", id]);
    expect(thread.turns.map(({ status }) => status)).toEqual(["completed", "failed"]);
  });

  it("goes on with a thread in its own model, and changes it when --model says so", async () => {
    const modelsOf = async (id: string, ...flags: string[]): Promise<string | undefined> => {
      const args = ["chat", id, "--agent", "responses", "--base-url", model.baseUrl, ...flags];
      expect(await place.skein(args, { env, input: "hello" })).toMatchObject({ exitCode: 0 });
      return model.requests.at(-1)?.model;
    };
    const id = await place.startThread("said to the echo");
    expect(await modelsOf(id)).not.toBe("echo");
    expect(await modelsOf(id, "--model", "another")).toBe("another");
    expect(await modelsOf(id)).toBe("another");
  });

  it("refuses a thread that another process has, naming it, and lets it go when that process ends", async () => {
    const id = await place.startThread("first");
    const chat = startSkein(["chat", id], { cwd: place.cwd });
    let stdout = "";
    chat.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    chat.stdin?.write("mine\n");
    await expect.poll(() => stdout, { timeout: 10_000 }).toBe("Echo: mine\n");
    const refused = await place.skein(["chat", id], { input: "theirs" });
    expect(refused).toMatchObject({ exitCode: 4, stdout: "" });
    expect(refused.stderr).toMatch(/\[thread_owned_elsewhere\]\n {2}end it there/);
    expect(refused.stderr).toContain(`process ${String(chat.pid)}`);
    chat.stdin?.end("late\n");
    expect(await once(chat, "close")).toEqual([0, null]);
    expect(await place.skein(["chat", id], { input: "theirs" })).toMatchObject({ exitCode: 0 });
    const { stdout: shown } = await place.skein(["show", id]);
    const said = ["first", "mine", "late", "theirs"].map((text) => `  user    ${text}`);
    expect(shown.match(/^ {2}user .*$/gm)).toEqual(said);
  });

  it("ends with 4 when another process took the thread meanwhile, and both see what was acknowledged", async () => {
    const id = await place.startThread("first");
    // Without the state DB nobody owns a thread: the later writer is known by the file alone.
    const chat = startSkein(["chat", id, "--no-db"], { cwd: place.cwd });
    let [stdout, stderr] = ["", ""];
    chat.stdout?.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    chat.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    chat.stdin?.write("mine\n");
    await expect.poll(() => stdout, { timeout: 10_000 }).toBe("Echo: mine\n");
    expect(await place.skein(["chat", id, "--no-db"], { input: "theirs" })).toMatchObject({
      exitCode: 0,
      stdout: "Echo: theirs\n",
    });
    chat.stdin?.write("late\n");
    const [exitCode] = (await once(chat, "close")) as [number | null];
    expect(stderr).toMatch(/^skein: .* \[writer_fenced\]\n {2}another process/m);
    expect(exitCode).toBe(4);
    const { stdout: shown } = await place.skein(["show", id]);
    expect(shown.match(/^ {2}user .*$/gm)).toEqual(["  user    first", "  user    mine", "  user    theirs"]);
  });

  it("is interrupted by Ctrl-C: the turn is recorded as interrupted, and the command ends with 130", async () => {
    const asked = model.requests.length;
    const chat = startSkein(["chat", ...withModel()], { cwd: place.cwd, env });
    let stderr = "";
    chat.stderr?.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    chat.stdin?.write("{{hang}}\nnever sent\n");
    await expect.poll(() => model.requests.length - asked, { timeout: 10_000 }).toBe(1);
    chat.kill("SIGINT");
    const [exitCode] = (await once(chat, "close")) as [number | null];
    expect(exitCode).toBe(130);
    const id = String(/^thread (\S+)$/m.exec(stderr)?.[1]);
    const { thread } = await place.json<ThreadAnswer>(["show", id]);
    expect(thread.turns.map(({ status }) => status)).toEqual(["interrupted"]);
    expect(model.requests.length - asked).toBe(1);
  });
});
