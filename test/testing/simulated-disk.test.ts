/**
 * The simulated disk: what is synced stays and what isn't may go, in the order it was done; each fault is what it
 * says, and comes as often as it was asked for.
 */
import { describe, expect, it } from "vitest";

import { systemCode } from "../../src/base/index.ts";
import type { FileSystem } from "../../src/store/local/index.ts";
import {
  createSeededRandom,
  createSeededScheduler,
  createSimulatedDisk,
  type DiskFaultRates,
  type ScheduledProcess,
  type SimulatedDisk,
} from "../../src/testing/index.ts";

interface Lab {
  readonly disk: SimulatedDisk;
  readonly files: FileSystem;
  readonly process: ScheduledProcess;
  /** Lets simulated time pass until the call is answered. */
  soon<Value>(call: Promise<Value>): Promise<Value>;
}

function labOf(seed: number, faults: Partial<DiskFaultRates> = {}): Lab {
  const scheduler = createSeededScheduler();
  const process = scheduler.openProcess("process");
  const disk = createSimulatedDisk({ random: createSeededRandom(seed), nowMs: () => process.clock.nowMs() });
  disk.prepareFolder("/home");
  disk.setFaults(faults);
  return {
    disk,
    process,
    files: disk.view(process),
    async soon(call) {
      let isDone = false;
      const settle = (): void => {
        isDone = true;
      };
      call.then(settle, settle);
      await scheduler.runUntil(() => isDone, scheduler.nowMs + 60_000);
      return await call;
    },
  };
}

/** What a file holds now, seen from outside; undefined where there is none. */
async function textAt(disk: SimulatedDisk, path: string): Promise<string | undefined> {
  const files = disk.direct();
  if ((await files.stat(path)) === undefined) return undefined;
  const fd = await files.open(path, "read");
  const into = Buffer.alloc(100_000);
  const text = into.subarray(0, await files.read(fd, into, 0)).toString("latin1");
  await files.close(fd);
  return text;
}

async function codeOf(call: Promise<unknown>): Promise<string | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return systemCode(error);
  }
}

const SEEDS = Array.from({ length: 40 }, (_, seed) => seed);

describe("a power cut of a simulated disk", () => {
  it("leaves what was synced with its folder, and a beginning of what was not", async () => {
    const left = new Set<string | undefined>();
    for (const seed of SEEDS) {
      const { disk } = labOf(seed);
      const files = disk.direct();
      const fd = await files.open("/home/log", "create");
      await files.write(fd, Buffer.from("safe;"));
      await files.syncData(fd);
      await files.syncDirectory("/home");
      await files.write(fd, Buffer.from("maybe;"));
      disk.powerCut();
      const text = await textAt(disk, "/home/log");
      expect(text).toMatch(/^safe;(m(a(y(b(e;?)?)?)?)?)?\0*$/);
      left.add(text);
    }
    // Nothing of it, some of it, zeros in place of it.
    expect(left.size).toBeGreaterThan(4);
  });

  it("takes a file whose folder was not synced, or leaves it", async () => {
    const found = new Set<boolean>();
    for (const seed of SEEDS) {
      const { disk } = labOf(seed);
      const files = disk.direct();
      await files.syncData(await files.open("/home/log", "create"));
      disk.powerCut();
      found.add((await textAt(disk, "/home/log")) !== undefined);
    }
    expect(found).toEqual(new Set([true, false]));
  });

  it("leaves a file that was moved at one of its two places, never at both or none", async () => {
    const places = new Set<string>();
    for (const seed of SEEDS) {
      const { disk } = labOf(seed);
      disk.prepareFolder("/home/away");
      const files = disk.direct();
      await files.syncData(await files.open("/home/log", "create"));
      await files.syncDirectory("/home");
      await files.rename("/home/log", "/home/away/log");
      disk.powerCut();
      const paths: string[] = [];
      for (const path of ["/home/log", "/home/away/log"])
        if ((await textAt(disk, path)) !== undefined) paths.push(path);
      expect(paths).toHaveLength(1);
      places.add(paths.join());
    }
    expect(places.size).toBe(2);
  });

  it("takes what a lying sync said is safe, and says so", async () => {
    let lost = 0;
    for (const seed of SEEDS) {
      const { disk, files, soon } = labOf(seed, { syncLie: 1 });
      const direct = disk.direct();
      const fd = await soon(files.open("/home/log", "create"));
      await direct.syncDirectory("/home");
      await files.write(fd, Buffer.from("told safe"));
      await soon(files.syncData(fd));
      expect(disk.powerCut().liedFiles).toEqual(["/home/log"]);
      if ((await textAt(disk, "/home/log")) !== "told safe") lost += 1;
    }
    expect(lost).toBeGreaterThan(10);
  });

  it("leaves a hole where a sync failed and a later one succeeded, unless it was written again", async () => {
    const { disk, files, soon } = labOf(1);
    const fd = await soon(files.open("/home/log", "create"));
    await soon(files.syncDirectory("/home"));
    disk.setFaults({ syncError: 1 });
    await files.write(fd, Buffer.alloc(10_000, "a"));
    expect(await codeOf(soon(files.syncData(fd)))).toBe("EIO");
    disk.setFaults({});
    await files.write(fd, Buffer.from("end"));
    await soon(files.syncData(fd));
    disk.powerCut();
    const text = await textAt(disk, "/home/log");
    // The last page was written with what came behind.
    expect(text).toBe(`${"\0".repeat(8_192)}${"a".repeat(10_000 - 8_192)}end`);
  });

  it("leaves what was written in place where a sync had failed, and what stands behind it", async () => {
    const { disk, files, soon } = labOf(1);
    const fd = await soon(files.open("/home/log", "create"));
    await soon(files.syncDirectory("/home"));
    disk.setFaults({ syncError: 1 });
    await files.write(fd, Buffer.alloc(10_000, "a"));
    expect(await codeOf(soon(files.syncData(fd)))).toBe("EIO");
    disk.setFaults({});
    await files.write(fd, Buffer.from("end"));
    const other = await soon(files.open("/home/log", "overwrite"));
    expect(files.writeAt(other, Buffer.alloc(5_000, "b"), 2_500)).toBe(5_000);
    await soon(files.syncData(fd));
    disk.powerCut();
    // Pages are written whole, with what else stands in them.
    const written = `${"a".repeat(2_500)}${"b".repeat(5_000)}${"a".repeat(2_500)}end`;
    expect(await textAt(disk, "/home/log")).toBe(written);
  });
});

describe("a fault of a simulated disk", () => {
  it("comes as often as it was asked for, and is counted", async () => {
    const { disk, files, soon } = labOf(2, { readError: 0.25 });
    let failed = 0;
    for (let n = 0; n < 400; n += 1) if ((await codeOf(soon(files.stat("/home")))) === "EIO") failed += 1;
    expect(failed).toBe(disk.faultCounts.readError);
    expect(failed).toBeGreaterThan(60);
    expect(failed).toBeLessThan(140);
  });

  it("lets a write stop half-way, and says why with the next", async () => {
    const seen = new Set<string>();
    for (const seed of SEEDS) {
      const { disk, files, soon } = labOf(seed);
      const fd = await soon(files.open("/home/log", "create"));
      disk.setFaults({ noSpace: 1 });
      let written = 0;
      try {
        written = await files.write(fd, Buffer.alloc(100));
        await files.write(fd, Buffer.alloc(100));
      } catch (error) {
        seen.add(`${written === 0 ? "at once" : "half-way"} ${systemCode(error)}`);
      }
      expect(written).toBeLessThan(100);
      expect(files.fstat(fd).size).toBe(written);
    }
    expect(seen).toEqual(new Set(["at once ENOSPC", "half-way ENOSPC"]));
  });

  it("of a full disk is met by every write and every new name until there is room again", async () => {
    const { disk, files, soon } = labOf(3);
    const fd = await soon(files.open("/home/log", "create"));
    disk.setFull(true);
    expect(() => files.write(fd, Buffer.from("x"))).toThrow("ENOSPC");
    expect(await codeOf(soon(files.makeDirectory("/home/new")))).toBe("ENOSPC");
    disk.setFull(false);
    expect(files.write(fd, Buffer.from("x"))).toBe(1);
  });

  it("never meets who looks from outside", async () => {
    const { disk } = labOf(4, { readError: 1, noDescriptors: 1 });
    expect(await disk.direct().stat("/home")).toMatchObject({ kind: "directory" });
  });
});

describe("a process that is killed", () => {
  it("gets no answer, and what was under way has happened or not", async () => {
    const found = new Set<boolean>();
    for (const seed of SEEDS) {
      const { disk, files, process } = labOf(seed);
      let isAnswered = false;
      void files.makeDirectory("/home/new").then(() => {
        isAnswered = true;
      });
      process.kill();
      found.add((await disk.direct().stat("/home/new")) !== undefined);
      expect(isAnswered).toBe(false);
    }
    expect(found).toEqual(new Set([true, false]));
  });
});
