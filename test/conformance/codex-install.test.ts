/**
 * Where the peer can't be had, the run says why instead of failing. Both cases are made by the
 * environment of npm: a registry that nobody answers for, and no npm at all.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";

import { installCodex } from "./codex-install.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-install-"));
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true, force: true });
});

describe("installCodex", () => {
  it("gives the reason where npm can't reach its registry", async () => {
    vi.stubEnv("npm_config_registry", "http://127.0.0.1:9/");
    vi.stubEnv("npm_config_cache", join(folder, "cache"));
    vi.stubEnv("npm_config_fetch_retries", "0");
    const notes: string[] = [];
    const install = await installCodex((line) => notes.push(line), folder);
    expect(install.program).toBeNull();
    expect(install.skipped).toContain("npm could not install @openai/codex@0.130.0");
    expect(notes).toHaveLength(1);
  });

  it("gives the reason where there is no npm", async () => {
    vi.stubEnv("PATH", folder);
    const install = await installCodex(() => {}, folder);
    expect(install.skipped).toContain("npm could not install");
  });
});
