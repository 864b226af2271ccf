/**
 * A small part of each row of the PostgreSQL crash test, with real servers and nodes that are processes.
 * The long form is `npm run pg-crash`.
 */
import { describe, expect, it } from "vitest";

import { workerPostgres } from "../support/postgres/worker-postgres.ts";
import { PG_CRASH_ROWS } from "./pg-rows.ts";

const postgres = await workerPostgres();
const seed = Number(process.env["SKEIN_CRASH_SEED"] ?? Math.floor(Math.random() * 2 ** 31));
const wish = { seed, appends: 100, threads: 6, template: postgres.template };
/** Rounds of each row; those that aren't here take longer than they show. The storm kills nodes too. */
const ROUNDS: Readonly<Record<string, number>> = {
  "kill-primary": 1,
  "cut-connections": 4,
  "stop-node": 2,
  storm: 6,
  "fail-over": 1,
};
const rows = PG_CRASH_ROWS.filter(({ id }) => id in ROUNDS);

describe.skipIf(postgres.skipped !== null)(
  `nothing acknowledged is lost or doubled on PostgreSQL (${postgres.skipped ?? `SKEIN_CRASH_SEED=${seed}`})`,
  () => {
    it.each(rows)("$id: $title", { timeout: 120_000 }, async ({ id, run }) => {
      const result = await run({ ...wish, rounds: ROUNDS[id] ?? 1 });

      expect(result).toMatchObject({ lost: 0, doubled: 0, broken: 0, examples: [] });
      expect(result.acknowledged).toBeGreaterThan(100);
    });
  },
);
