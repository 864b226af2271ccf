/**
 * What the server promises, and a promise that it doesn't keep: settings that are changed under an open store, by a
 * reload and by a restart. What was promised stays, or is told.
 */
import { describe, expect, it, onTestFinished } from "vitest";

import { silentLogger } from "../../../src/base/index.ts";
import { openPostgresCheckpoints, type PostgresCheckpoints } from "../../../src/postgres/index.ts";
import { DurabilityWatch } from "../../../src/store/postgres/durability-probe.ts";
import type { ServerState } from "../../../src/store/postgres/postgres-database.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres/postgres-server.ts";
import { message, postgresLab, type PostgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres, runSqlAt } from "./postgres-place.ts";

const OPTIONS = { allowUnsafe: true, logger: silentLogger };

function serverWith(commit: string, standbys: string): ServerState {
  const settings = { num: 150_000, version: "15.0", fsync: "on", commit, pages: "on", standbys, encoding: "UTF8" };
  return { timeline: 1, isStandby: false, isPooled: false, clusterId: "1", settings };
}

describe("what a server promises", () => {
  it.each([
    ["on", "ANY 1 (a, b)", "fsync", 1, /^$/],
    ["on", "any 2 (a, b, c)", "fsync", 2, /^$/],
    ["on", "FIRST 2 (a, b, c)", "fsync", 2, /^$/],
    ["on", " 3(a, b, c)", "fsync", 3, /^$/],
    ["on", "a, b", "fsync", 1, /^$/],
    ["on", "*", "fsync", 1, /^$/],
    ["on", "any, first", "fsync", 1, /^$/],
    ["remote_apply", "ANY 1 (a, b)", "fsync", 1, /^$/],
    ["remote_write", "ANY 1 (a, b)", "fsync", 0, /not have it on its disk/],
    ["local", "ANY 1 (a, b)", "fsync", 0, /not waited for/],
    ["off", "ANY 1 (a, b)", "memory", 0, /synchronous_commit is off/],
    ["on", "", "fsync", 0, /^$/],
    ["remote_write", " ", "fsync", 0, /^$/],
  ])(
    "with synchronous_commit=%s and standbys %j is %s, on %i standbys",
    (commit, names, acknowledged, standbys, warning) => {
      const watch = new DurabilityWatch(serverWith(commit, names), OPTIONS);
      expect(watch.report).toMatchObject({ acknowledged, scope: standbys > 0 ? "quorum" : "local", standbys });
      expect(watch.report.warnings.join("; ")).toMatch(warning);
      const { settings } = serverWith("on", "");
      watch.noteSettings(settings);
      expect(watch.report).toMatchObject({ acknowledged: "fsync", scope: "local", standbys: 0 });
    },
  );
});

describe.skipIf(postgres.skipped !== null)("a server whose settings are changed under an open store", () => {
  async function started(): Promise<{ readonly server: PostgresServer; readonly lab: PostgresLab }> {
    const server = await startPostgres({ fsync: true });
    onTestFinished(() => server.stop());
    return { server, lab: postgresLab(server.url) };
  }

  it("is waited for as before when synchronous_commit is turned off by a reload, at old and new connections", async () => {
    const { server, lab } = await started();
    const store = await lab.open({ allowUnsafe: false, leaseTtlMs: 300 });
    const checkpoints = await openCheckpoints(server, lab);
    const { threadId, writer } = await seedThread(store);
    const key = { name: "mailer", threadId };
    await checkpoints.save(key, 1);
    const table = `"${lab.schema}".seen`;
    await runSqlAt(server.url, `CREATE TABLE ${table} (value text)`);
    await runSqlAt(
      server.url,
      `CREATE FUNCTION "${lab.schema}".see() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN INSERT INTO ${table} VALUES (current_setting('synchronous_commit')); RETURN NULL; END$$`,
    );
    for (const seen of ["event", "feed_checkpoint"]) {
      await runSqlAt(
        server.url,
        `CREATE TRIGGER see AFTER INSERT ON "${lab.schema}".${seen} FOR EACH STATEMENT EXECUTE FUNCTION "${lab.schema}".see()`,
      );
    }
    await server.configure({ synchronous_commit: "off" });
    await settled(server, "synchronous_commit", "off");
    expect((await refusal(lab.open({ allowUnsafe: false }))).code).toBe("store_not_durable");
    await store.appendItems({ writer, items: [message("old connection")] });
    await checkpoints.save(key, 2);
    await runSqlAt(
      server.url,
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'skein'",
    );
    const { durability } = await store.appendItems({ writer, items: [message("new connection")] });
    await checkpoints.save(key, 3);
    expect([durability, store.durability.synchronousCommit]).toEqual(["fsync", "on"]);
    expect(await runSqlAt(server.url, `SELECT DISTINCT value FROM ${table}`)).toEqual([{ value: "on" }]);
    expect(textsOf(await readLog(store, threadId))).toEqual(["first", "old connection", "new connection"]);
  }, 60_000);

  it("acknowledges nothing as on the disk once fsync is off by a reload, and refuses what comes next", async () => {
    const { server, lab } = await started();
    const store = await lab.open({ allowUnsafe: false });
    const checkpoints = await openCheckpoints(server, lab);
    const { threadId, writer } = await seedThread(store, []);
    const key = { name: "mailer", threadId };
    await checkpoints.save(key, 1);
    await server.configure({ fsync: "off" });
    await settled(server, "fsync", "off");
    const texts: string[] = [];
    // The connection reads its settings between two statements: an append that it was before that for is on the disk.
    for (let durability = "fsync"; durability === "fsync";) {
      texts.push(`number ${texts.length}`);
      ({ durability } = await store.appendItems({ writer, items: texts.slice(-1).map(message) }));
      expect(durability).toMatch(/^(fsync|os)$/);
    }
    expect(texts.length).toBeLessThan(1_000);
    expect(store.durability).toMatchObject({ fsync: false, synchronousCommit: "on" });
    const refused = await refusal(store.appendItems({ writer, items: [message("refused")] }));
    expect(refused).toMatchObject({ code: "store_not_durable", data: { fsync: false } });
    expect((await refusal(checkpoints.save(key, 2))).code).toBe("store_not_durable");
    await server.configure({ fsync: "on" });
    await settled(server, "fsync", "on");
    await checkpoints.save(key, 2);
    const { durability } = await store.appendItems({ writer, items: [message("after")] });
    expect([durability, store.durability.fsync]).toEqual(["fsync", true]);
    expect(textsOf(await readLog(store, threadId))).toEqual([...texts, "after"]);
  }, 60_000);

  it("is refused when it comes back without fsync, unless that was asked for, and taken when it has it again", async () => {
    const { server, lab } = await started();
    const [strict, lax] = [await lab.open({ allowUnsafe: false }), await lab.open()];
    const [one, two] = [await seedThread(strict), await seedThread(lax)];
    await server.configure({ fsync: "off" });
    await server.restart();
    const refused = await refusal(strict.appendItems({ writer: one.writer, items: [message("refused")] }));
    expect(refused).toMatchObject({ code: "store_not_durable", data: { fsync: false } });
    expect(strict.durability.fsync).toBe(false);
    expect(await lax.appendItems({ writer: two.writer, items: [message("taken")] })).toMatchObject({
      durability: "os",
    });
    await server.configure({ fsync: "on" });
    await server.restart();
    await strict.appendItems({ writer: one.writer, items: [message("after")] });
    expect(textsOf(await readLog(strict, one.threadId))).toEqual(["first", "after"]);
    expect(strict.durability).toMatchObject({ fsync: true, scope: "local" });
  }, 60_000);
});

async function openCheckpoints({ url }: PostgresServer, { schema }: PostgresLab): Promise<PostgresCheckpoints> {
  const checkpoints = await openPostgresCheckpoints({ url, schema });
  onTestFinished(() => checkpoints.close());
  return checkpoints;
}

/** A reload is done when a new connection finds the setting. */
async function settled(server: PostgresServer, name: string, value: string): Promise<void> {
  for (let now: unknown; now !== value;) {
    const [row] = await runSqlAt(server.url, `SELECT current_setting('${name}') AS value`);
    now = row?.["value"];
  }
}
