/**
 * Twelve kills of a process that appends: nothing it was told is missing, nothing is half there, and what
 * is appended next stands on its own. Six of one that runs turns. The long form is `npm run crash`.
 */
import { expect, it } from "vitest";

import { runCrashes, runTurnCrashes } from "./crash-run.ts";

const seed = Number(process.env["SKEIN_CRASH_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

it(
  `a process killed at any moment loses nothing it acknowledged (SKEIN_CRASH_SEED=${seed})`,
  { timeout: 120_000 },
  async () => {
    const { kills, acknowledged } = await runCrashes({ kills: 12, seed });
    expect(kills).toBe(12);
    expect(acknowledged).toBeGreaterThan(0);
  },
);

it(
  `what a caller was told of its turns stands on the disk (SKEIN_CRASH_SEED=${seed})`,
  { timeout: 120_000 },
  async () => {
    const { kills, acknowledged } = await runTurnCrashes({ kills: 6, seed });
    expect(kills).toBe(6);
    expect(acknowledged).toBeGreaterThan(0);
  },
);
