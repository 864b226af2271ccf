/**
 * Every row of the fault table, a bounded part of each: kills, errors and full disks at some of the places where they
 * can hit. What the machine can't do is skipped with its reason. All of it is `npm run faults`.
 */
import { afterAll, describe, expect, test } from "vitest";

import { runFaultRow } from "./fault-run.ts";
import { FAULT_ROWS } from "./fault-table.ts";
import { FaultSession } from "./operation-stage.ts";

const seed = Number(process.env["SKEIN_FAULTS_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const session = new FaultSession();
afterAll(() => session.close());

describe(`with SKEIN_FAULTS_SEED=${seed}`, () => {
  test.for(FAULT_ROWS)("$id: $what loses nothing", { timeout: 60_000 }, async (row, { skip }) => {
    const { broken, lost, harmed, skipped } = await runFaultRow(row, {
      seed,
      isSmoke: true,
      isEvery: false,
      lanes: 2,
      session,
    });
    if (skipped !== null) skip(skipped);
    expect(broken).toEqual([]);
    expect({ lost, harmed }).toEqual({ lost: 0, harmed: 0 });
  });
});
