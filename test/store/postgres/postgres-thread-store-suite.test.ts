/**
 * The laws of every ThreadStore, on a real PostgreSQL: a schema for each example. Leases go by the server's clock, so
 * laws that move a clock say nothing of it; leases.test.ts has what they would.
 */
import { describe } from "vitest";

import { threadStoreSuite } from "../../../src/testing/index.ts";
import { postgres, postgresFixture } from "./postgres-place.ts";

describe.skipIf(postgres.skipped !== null)(
  `on a PostgreSQL${postgres.skipped === null ? "" : `: ${postgres.skipped}`}`,
  () => {
    threadStoreSuite({
      name: "postgres",
      fixture: postgresFixture,
      capabilities: { fork: "reference", clock: false, multiProcess: true },
      runs: 2,
    });
  },
);
