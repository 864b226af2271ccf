/**
 * The pino adapter: what it writes, where, and that it fits the port. It writes to real files in a
 * folder of its own.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { createPinoLogger, fault } from "../../src/base/index.ts";

describe("createPinoLogger", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "skein-pino-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("writes one JSON line a call, with fields, message and an ISO time", async () => {
    const path = join(folder, "log.jsonl");
    const logger = await createPinoLogger({ destination: path, base: { name: "skein" } });
    logger.warn({ threadId: "t" }, "slow disk");
    const line = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
    expect(line).toMatchObject({ name: "skein", threadId: "t", msg: "slow disk", level: 40 });
    expect(line["time"]).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it("tells of an error what it says, its code and what it came of, and nothing that others hung on it", async () => {
    const path = join(folder, "log.jsonl");
    const logger = await createPinoLogger({ destination: path });
    const cause = Object.assign(new TypeError("Invalid URL"), {
      code: "ERR_INVALID_URL",
      input: "postgres://u:geheim@h",
    });
    const error = fault("connection_lost", "the connection was lost", { data: { threadId: "t" }, cause });
    logger.warn({ error }, "a lease could not be renewed");
    const text = readFileSync(path, "utf8");
    const line = JSON.parse(text) as Record<string, unknown>;
    expect(line["error"]).toMatchObject({
      type: "SkeinError",
      message: "the connection was lost",
      code: "connection_lost",
      data: { threadId: "t" },
      stack: expect.stringContaining("pino-logger.test") as string,
      cause: { type: "TypeError", message: "Invalid URL", code: "ERR_INVALID_URL" },
    });
    expect(text).not.toContain("geheim");
  });

  it("leaves out what is below its level", async () => {
    const path = join(folder, "log.jsonl");
    const logger = await createPinoLogger({ destination: path, level: "error" });
    logger.info({}, "not this");
    logger.error({}, "this");
    expect(readFileSync(path, "utf8").trim().split("\n")).toHaveLength(1);
  });

  it("rejects when its destination can't be opened", async () => {
    const path = join(folder, "missing", "log.jsonl");
    await expect(createPinoLogger({ destination: path })).rejects.toThrow(/ENOENT/);
  });
});
