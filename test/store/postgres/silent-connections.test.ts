/**
 * Connections that a firewall forgot: nothing ends them, and no answer comes over them any more. New ones work. A node
 * notices, asks again over new ones, keeps its lease and its threads, and can be closed.
 */
import { Socket } from "node:net";

import { describe, expect, it, onTestFinished } from "vitest";

import { openPostgresThreadStore } from "../../../src/postgres/index.ts";
import { TcpProxy } from "../../crash/tcp-proxy.ts";
import { message, postgresLab, readLog, refusal, seedThread, textsOf } from "./postgres-lab.ts";
import { postgres, runSql } from "./postgres-place.ts";

interface SilentSockets {
  open(): Socket;
  /** From now on nothing is heard over those that are there, nor over new ones. */
  silence(): void;
}

function silentSockets(): SilentSockets {
  const sockets: Socket[] = [];
  let isSilent = false;
  return {
    open() {
      const socket = new Socket();
      sockets.push(socket);
      socket.on("connect", () => isSilent && void socket.pause());
      return socket;
    },
    silence() {
      isSilent = true;
      for (const socket of sockets) socket.pause();
    },
  };
}

describe.skipIf(postgres.skipped !== null)("connections to PostgreSQL that went silent", () => {
  it("cost a node neither its lease nor its threads; what was asked over them is asked again, and nothing is written twice", async () => {
    const { port } = new URL(postgres.url);
    const proxy = await TcpProxy.open(Number(port));
    onTestFinished(() => proxy.close());
    const lab = postgresLab();
    const url = postgres.url.replace(port, `${proxy.port}`);
    const store = await lab.open({ url, leaseTtlMs: 6_000 });
    const other = await lab.open();
    const { threadId, writer } = await seedThread(store);
    store.subscribe(() => {});
    await store.readThread({ threadId });
    // Those that are there; new ones are passed on.
    proxy.hold();
    const [appended, read, listed, renamed] = await Promise.all([
      store.appendItems({ writer, items: [message("over the silent one")] }),
      store.readThread({ threadId }),
      store.listThreads(),
      store.updateThreadMetadata({ threadId, patch: { name: "renamed" } }),
    ]);
    expect(appended).toMatchObject({ firstOrdinal: 2, duplicate: false });
    expect([read.id, listed.data.length, renamed.name]).toEqual([threadId, 1, "renamed"]);
    expect((await refusal(other.resumeThread({ threadId }))).code).toBe("thread_owned_elsewhere");
    await store.appendItems({ writer, items: [message("after")] });
    expect(textsOf(await readLog(other, threadId))).toEqual(["first", "over the silent one", "after"]);
  }, 60_000);

  it("are told from one whose server is at it for long: that is waited for", async () => {
    const lab = postgresLab();
    const store = await lab.open();
    const { threadId } = await seedThread(store);
    const name = `"${lab.schema}".slow`;
    await runSql(`CREATE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS
      $$BEGIN PERFORM pg_sleep(9); RETURN NULL; END$$`);
    await runSql(`CREATE TRIGGER slow AFTER INSERT ON "${lab.schema}".change FOR EACH ROW EXECUTE FUNCTION ${name}()`);
    const renamed = await store.updateThreadMetadata({ threadId, patch: { name: "slowly" } });
    expect(renamed.name).toBe("slowly");
    expect(await runSql(`SELECT count(*)::int AS changes FROM "${lab.schema}".change`)).toEqual([{ changes: 1 }]);
  }, 60_000);

  it("are given up by a close when the server stays silent, and what was under way is told", async () => {
    const { schema } = postgresLab();
    const sockets = silentSockets();
    // Its close tells of what was lost, so it isn't the lab's to close.
    const store = await openPostgresThreadStore({
      url: postgres.url,
      schema,
      allowUnsafe: true,
      openSocket: sockets.open,
    });
    const { threadId, writer } = await seedThread(store);
    sockets.silence();
    const told = [
      refusal(store.appendItems({ writer, items: [message("into the void")] })),
      refusal(store.readThread({ threadId })),
      refusal(store.archiveThread(threadId)),
    ];
    const beganMs = performance.now();
    await Promise.allSettled([store.close()]);
    expect(performance.now() - beganMs).toBeLessThan(25_000);
    for (const { code } of await Promise.all(told)) {
      expect(code).toMatch(/^(connection_lost|runtime_closed|writer_closed)$/);
    }
  }, 60_000);
});
