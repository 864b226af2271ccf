/**
 * The laws of every ThreadStore, over gRPC and a real PostgreSQL: what a program keeps that reaches its database through
 * a served store. The store on PostgreSQL and the served ones run more examples of each law in their own suites.
 */
import { describe } from "vitest";

import { threadStoreSuite } from "../../../src/testing/index.ts";
import { postgres, postgresFixture } from "../postgres/postgres-place.ts";
import { remoteFixture } from "./remote-place.ts";

describe.skipIf(postgres.skipped !== null)(
  `on a PostgreSQL${postgres.skipped === null ? "" : `: ${postgres.skipped}`}`,
  () => {
    threadStoreSuite({
      name: "remote over postgres",
      fixture: remoteFixture(postgresFixture),
      capabilities: { fork: "reference", clock: false },
      runs: 1,
    });
  },
);
