/**
 * The servers that tests start: one of this worker that all of its files use, and private ones that can be killed
 * and started again. Nothing of them is left behind.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { describe, expect, it, vi } from "vitest";

import { nodeTypeFlags } from "../node-flags.ts";
import { startPostgres } from "./postgres-server.ts";
import { testSchema, workerPostgres } from "./worker-postgres.ts";

const postgres = await workerPostgres();

async function ask(url: string, text: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(text);
    return rows[0] === undefined ? undefined : Object.values(rows[0])[0];
  } finally {
    await client.end();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe.skipIf(postgres.skipped !== null)(`a server for tests (${postgres.skipped ?? postgres.version})`, () => {
  it("is one for all files of a worker, with a schema for each test", async () => {
    const schema = testSchema(postgres.url);
    await ask(postgres.url, `CREATE SCHEMA "${schema.name}"`);
    await schema.drop();

    const again = await workerPostgres();

    expect(again.url).toBe(postgres.url);
    expect(await ask(postgres.url, "SHOW fsync")).toBe("off");
    expect(await ask(postgres.url, `SELECT to_regnamespace('${schema.name}')::text`)).toBeNull();
  });

  it("keeps what it acknowledged when it is killed with all of its processes", { timeout: 90_000 }, async () => {
    const server = await startPostgres({ fsync: true });
    try {
      await ask(server.url, "CREATE TABLE kept AS SELECT 7 AS n");
      await server.kill9();
      await expect(ask(server.url, "SELECT 1")).rejects.toThrow(/ECONNREFUSED/);
      await server.start();

      expect(await ask(server.url, "SELECT n FROM kept")).toBe(7);
      expect(await ask(server.url, "SHOW fsync")).toBe("on");
    } finally {
      await server.stop();
    }
    expect(existsSync(server.dataDir)).toBe(false);
  });

  it("goes with the process that started it, also when that is killed", { timeout: 90_000 }, async () => {
    const entry = fileURLToPath(new URL("./server-child.ts", import.meta.url));
    const child = spawn(process.execPath, [...nodeTypeFlags(), entry], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
    const { pid, dataDir } = JSON.parse(line) as { readonly pid: number; readonly dataDir: string };
    expect(isAlive(pid)).toBe(true);

    child.kill("SIGKILL");

    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 20_000 });
    await vi.waitFor(() => expect(existsSync(dirname(dataDir))).toBe(false), { timeout: 20_000 });
  });
});
