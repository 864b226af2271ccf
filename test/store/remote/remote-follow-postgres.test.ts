/**
 * The feed of one thread of a served PostgreSQL, while another node of the same database writes to it: the server hears
 * of the records only by the database.
 */
import { afterEach, describe, expect, test } from "vitest";

import { openRemoteThreadStore, serveThreadStore } from "../../../src/store/remote/index.ts";
import { postgres, postgresFixture } from "../postgres/postgres-place.ts";

const closings: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const close of closings.splice(0).toReversed()) await close();
});

describe.skipIf(postgres.skipped !== null)(
  `on a PostgreSQL${postgres.skipped === null ? "" : `: ${postgres.skipped}`}`,
  () => {
    test("what another node writes while its thread is followed comes once and in order", async () => {
      const place = await postgresFixture();
      closings.push(() => place.dispose());
      const [writing, serving] = [await place.open(), await place.open()];
      closings.push(
        () => writing.close(),
        () => serving.close(),
      );
      const served = await serveThreadStore({ store: serving });
      closings.push(() => served.close());
      const client = await openRemoteThreadStore({ url: served.url });
      closings.push(() => client.close());
      const { writer } = await writing.createThread({ metadata: { cwd: "/work" } });
      await writing.persistThread(writer);
      const write = async (): Promise<void> => {
        for (let batch = 0; batch < 40; batch += 1) {
          const items = Array.from({ length: 1 + (batch % 7) }, (_, index) => ({
            type: "event_msg" as const,
            payload: { type: "user_message", message: `batch ${batch}, item ${index}` },
          }));
          await writing.appendItems({ writer, items });
        }
      };
      const isWritten = write();
      const end = 1 + Array.from({ length: 40 }, (_, batch) => 1 + (batch % 7)).reduce((sum, size) => sum + size, 0);
      const seen = [];
      for await (const { records, nextOrdinal } of client.follow(writer.threadId)) {
        seen.push(...records);
        if (nextOrdinal >= end) break;
      }
      await isWritten;
      expect(seen).toEqual((await writing.loadHistory({ threadId: writer.threadId })).records);
      expect(seen.length).toBe(end);
    });
  },
);
