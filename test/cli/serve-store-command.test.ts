/**
 * `skein serve-store` and `--store`, as processes: one serves a home, others work on it from elsewhere, with no home
 * of their own.
 */
import { once } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { runSkein, type SkeinResult, startSkein } from "../support/skein-process.ts";

const TOKEN = "a-token-for-this-test";

describe("a served home", () => {
  let cwd: string;
  let server: ReturnType<typeof startSkein>;
  let introduction: { readonly listening: string; readonly kind: string; readonly durability: unknown };
  let url: string;

  beforeAll(async () => {
    cwd = await mkdtemp(join(tmpdir(), "skein-serve-store-"));
    server = startSkein(["--home", "home", "--json", "serve-store", "--listen", "127.0.0.1:0"], {
      cwd,
      env: { SKEIN_TOKEN: TOKEN },
    });
    const { stdout } = server;
    if (stdout === null) throw new Error("the command has no output");
    const [line] = (await once(stdout, "data")) as [Buffer];
    introduction = JSON.parse(line.toString("utf8")) as typeof introduction;
    url = introduction.listening;
  }, 60_000);

  afterAll(async () => {
    server.kill("SIGKILL");
    await rm(cwd, { recursive: true, force: true });
  }, 60_000);

  function skein(args: readonly string[], extra: { input?: string; env?: Record<string, string> } = {}) {
    const env = { SKEIN_STORE: `remote:${url}`, SKEIN_STORE_TOKEN: TOKEN, ...extra.env };
    return runSkein(args, { cwd, ...extra, env });
  }

  const rows = ({ stdout }: SkeinResult): readonly { readonly id: string; readonly path: string | null }[] =>
    (JSON.parse(stdout) as { readonly data: readonly { id: string; path: string | null }[] }).data;

  test("is talked to, listed, searched, forked, named and shown without a home", { timeout: 120_000 }, async () => {
    expect((await skein(["chat"], { input: "a needle\n" })).stdout).toContain("Echo: a needle");
    const [thread] = rows(await skein(["--json", "list"]));
    expect(thread).toMatchObject({ path: null, preview: "a needle" });
    const id = thread?.id ?? "";
    // The beginning of an id is one of the store's, whatever a home beside it holds.
    await runSkein(["--home", "other", "chat"], { cwd, input: "hay\n" });
    expect((await skein(["show", "01"], { env: { SKEIN_HOME: "other" } })).stdout).toContain("Echo: a needle");
    expect((await skein(["--json", "search", "needle"])).stdout).toContain(id);
    expect((await skein(["fork", id])).exitCode).toBe(0);
    expect((await skein(["name", id, "first"])).exitCode).toBe(0);
    expect((await skein(["show", id])).stdout).toContain("Echo: a needle");
    expect((await skein(["tail", id, "--no-follow"])).stdout).toContain("needle");
    expect(rows(await skein(["--json", "list"]))).toHaveLength(2);
    expect(await readdir(cwd)).not.toContain(".skein");
    expect((await skein(["search", "haystack"])).stderr).toBe(`nothing holds "haystack" here (${url})\n`);
    const home = await runSkein(["--home", "home", "--json", "list"], { cwd });
    expect(rows(home).map((row) => row.path !== null)).toEqual([true, true]);
  });

  test("says when it listens what it serves, and that one machine has what it acknowledges", () => {
    const { kind, durability } = introduction;
    expect({ kind, durability }).toEqual({
      kind: "local",
      durability: { acknowledged: "fsync", scope: "local", standbys: 0 },
    });
  });

  test("says to a person whether clients need a token, and how they send it", { timeout: 60_000 }, async () => {
    const said = async (env: Record<string, string>): Promise<string> => {
      const command = startSkein(["--home", "shown", "serve-store", "--listen", "127.0.0.1:0"], { cwd, env });
      let text = "";
      command.stdout?.on("data", (bytes: Buffer) => {
        text += bytes.toString("utf8");
        if (text.includes("elsewhere:")) command.kill("SIGTERM");
      });
      await once(command, "close");
      return text;
    };
    expect(await said({ SKEIN_TOKEN: TOKEN })).toMatch(
      /\ntoken: +needed; .*\nelsewhere: +SKEIN_STORE_TOKEN=… .*list --store remote:http:\/\/127\.0\.0\.1:\d+\n$/,
    );
    expect(await said({})).toMatch(/\ntoken: +none is asked for; SKEIN_TOKEN sets .*\nelsewhere: +(?!SKEIN_STORE)/);
  });

  test("is told to stop, and ends with 0", { timeout: 60_000 }, async () => {
    const other = startSkein(["--home", "other", "--json", "serve-store", "--listen", "127.0.0.1:0"], { cwd });
    if (other.stdout !== null) await once(other.stdout, "data");
    const ended = once(other, "exit");
    other.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
  });

  test("is refused to who has no token, and to commands that work on files", { timeout: 60_000 }, async () => {
    const stranger = await skein(["list"], { env: { SKEIN_STORE_TOKEN: "" } });
    expect(stranger).toMatchObject({ exitCode: 5, stderr: expect.stringContaining("permission_denied") as string });
    expect(stranger.stderr).toContain("SKEIN_STORE_TOKEN holds the token");
    const doctor = await skein(["doctor"]);
    expect(doctor).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("unsupported") as string });
    const odd = await skein(["list", "--store", "http://127.0.0.1:1"]);
    expect(odd).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("remote:http") as string });
  });
});

test(
  "serve-store says what to do where other machines could connect without a token",
  { timeout: 60_000 },
  async () => {
    const cwd = await mkdtemp(join(tmpdir(), "skein-serve-store-"));
    const { exitCode, stderr } = await runSkein(["serve-store", "--listen", "0.0.0.0:0"], { cwd });
    expect(exitCode).toBe(2);
    expect(stderr).toContain("SKEIN_TOKEN");
    await rm(cwd, { recursive: true, force: true });
  },
);
