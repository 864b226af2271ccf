/**
 * Power cuts: a process works on a home in an ext4 image on a loop device, is killed, and the image is copied as the
 * device has it by then, without what was only in memory. The copy is mounted elsewhere, where the file system's own
 * journal is replayed, and is looked at, and gone on with, and cut again.
 *
 * A copy counts only when a second one, made right behind it, is the same: the device did not change meanwhile.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, copyFileSync, fsyncSync, mkdirSync, openSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { CrashLedger } from "../../crash/crash-ledger.ts";
import type { Report } from "../../crash/crash-reports.ts";
import { nodeTypeFlags } from "../../support/node-flags.ts";
import type { FaultContext, FaultRow } from "../fault-row.ts";
import { rowsThatDiffer, verifyFindings } from "../fault-inspection.ts";
import { makeImage, withImage } from "../mounted-disk.ts";
import { checkByLedger, PressureProcess } from "../pressure-process.ts";

const IMAGE_MIB = 48;
const COPIES_MAX = 50;
const CRASH_CHILD = fileURLToPath(new URL("../../crash/crash-child.ts", import.meta.url));
const COMPILE_CACHE = fileURLToPath(new URL("../../../node_modules/.cache/skein-tests", import.meta.url));

/** What a cut may leave that nobody was told is done. */
const LEFT = new Set(["torn_tail", "incomplete_batch", "missing_newline", "empty_file", "no_session_meta"]);
const LEFT_MORE = new Set(["leftover_fork", "dangling_index_entry", "bad_index_line"]);

/** A process at work; it is killed when it has said so much. */
type Worker = (home: string, ledger: CrashLedger) => Promise<void>;

/** Appends, names, forks, archives, deletes (the crash tests' child). */
function busyWorker(seed: number, lines: number, durability: "fsync" | "os"): Worker {
  return async (home, ledger) => {
    const args = [...nodeTypeFlags(), CRASH_CHILD, home, String(seed), durability];
    const child = spawn(process.execPath, args, {
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILE_CACHE },
    });
    const ended = once(child, "close");
    let read = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      if (!line.endsWith("}")) continue;
      ledger.take(JSON.parse(line) as Report);
      read += 1;
      if (read >= lines) child.kill("SIGKILL");
    }
    await ended;
    ledger.childDied();
  };
}

/** Appends with a state DB beside the logs. */
function rowsWorker(context: FaultContext, name: string, lines: number): Worker {
  return async (home, ledger) => {
    const options = { home, name, firstId: ledger.acknowledged * 1_000, threads: 4, paddingChars: 500 };
    const child = new PressureProcess({ options: { ...options, withRows: true, durability: "fsync" } }, ledger);
    try {
      await child.run({ do: "open" }, context.books);
      child.send({ do: "append", times: 1_000_000, failuresMax: 1 });
      for (let read = 0; read < lines; read += 1) {
        const line = await child.next();
        if (line === undefined || line.say === "failed") throw new Error(`the child says ${JSON.stringify(line)}`);
      }
    } finally {
      await child.kill();
    }
  };
}

/** Copies the image as it is on the device at one moment. */
function copyImage(from: string, to: string): void {
  const again = `${to}.again`;
  for (let n = 0; n < COPIES_MAX; n += 1) {
    copyFileSync(from, to);
    copyFileSync(from, again);
    const isSame = readFileSync(to).equals(readFileSync(again));
    rmSync(again);
    if (isSame) return;
  }
  throw new Error("the device changed whenever it was copied");
}

/** The home itself is there after the cut, whatever is in it. */
function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  fsyncSync(fd);
  closeSync(fd);
}

interface Cut {
  /** The device at the moment of the cut. */
  readonly image: string;
  readonly ledger: CrashLedger;
}

/** Lets a worker work on the image, and cuts the power. */
async function cutPower({ image, ledger }: Cut, to: string, work: Worker): Promise<void> {
  await withImage(image, `${image}.mounted`, async (disk) => {
    const home = join(disk, "home");
    mkdirSync(home, { recursive: true });
    syncFolder(disk);
    await work(home, ledger);
    copyImage(image, to);
  });
}

interface PowerRun {
  /** The worker of the nth life, and how much it says. */
  workerOf(n: number): Worker;
  readonly images: number;
  readonly lives: number;
  readonly withRows: boolean;
}

async function cutRepeatedly(context: FaultContext, run: PowerRun): Promise<void> {
  const { books, folder } = context;
  for (let n = 0; n < run.images; n += 1) {
    const ledger = new CrashLedger();
    let image = join(folder, `image-${n}`);
    makeImage(image, IMAGE_MIB);
    for (let life = 0; life < run.lives; life += 1) {
      const cut = join(folder, `image-${n}-${life}`);
      await cutPower({ image, ledger }, cut, run.workerOf(n * run.lives + life));
      books.inject();
      rmSync(image);
      image = cut;
      await withImage(cut, `${cut}.looked-at`, (disk) => judgeCut(context, join(disk, "home"), ledger));
      if (run.withRows) await withImage(cut, `${cut}.rows`, (disk) => checkRows(context, join(disk, "home")));
    }
    rmSync(image);
    context.onCase(n + 1, run.images);
  }
}

async function judgeCut({ books }: FaultContext, home: string, ledger: CrashLedger): Promise<void> {
  for (const { code, path, message } of await verifyFindings(home)) {
    books.name(code);
    books.expect(
      LEFT.has(code) || LEFT_MORE.has(code),
      `after a power cut verify finds ${code} in ${path}: ${message}`,
    );
  }
  await checkByLedger(ledger, home, books);
  books.code("acknowledged");
}

async function checkRows({ books }: FaultContext, home: string): Promise<void> {
  for (const difference of await rowsThatDiffer(home)) books.break(`after a power cut: ${difference}`);
}

/** Cuts a process that does not sync: where it loses nothing either, the cuts are none. */
async function cutUnsynced(context: FaultContext): Promise<void> {
  const { books, folder } = context;
  const image = join(folder, "unsynced");
  makeImage(image, IMAGE_MIB);
  const cut = `${image}-cut`;
  const ledger = new CrashLedger();
  await cutPower({ image, ledger }, cut, busyWorker(1, 60, "os"));
  const lost = await withImage(cut, `${cut}.looked-at`, async (disk) => {
    const home = join(disk, "home");
    mkdirSync(home, { recursive: true });
    const { openLocalThreadStore } = await import("../../../src/store/local/index.ts");
    const store = await openLocalThreadStore({ home });
    try {
      await ledger.check(store, "unsynced");
      return false;
    } catch {
      return true;
    } finally {
      await store.close();
    }
  });
  books.expect(lost, "a process that syncs nothing lost nothing either: these are no power cuts");
}

function drawLines(context: FaultContext): number {
  return 5 + Math.floor(context.random() * 150);
}

/** Power cuts. */
export const POWER_ROWS: readonly FaultRow[] = [
  {
    id: "fault.power-cut.logs",
    what: "a power cut under appends, names, forks, archivings and deletions",
    how: "an ext4 image on a loop device, copied without what was only in memory; three times a home",
    holds:
      "what was acknowledged with fsync is there. A process that does not sync does lose something, in the same cuts",
    needs: ["loop"],
    run: async (context) => {
      const [images, lives] = context.isSmoke ? [1, 1] : [8, 3];
      const workerOf = (): Worker => busyWorker(Math.floor(context.random() * 2 ** 31), drawLines(context), "fsync");
      await cutRepeatedly(context, { images, lives, workerOf, withRows: false });
      if (!context.isSmoke) await cutUnsynced(context);
    },
  },
  {
    id: "fault.power-cut.rows",
    what: "a power cut under appends with a state DB beside the logs",
    how: "the same",
    holds: "the same, and the rows are the fold of the logs once the home was opened again",
    needs: ["loop"],
    run: async (context) => {
      const [images, lives] = context.isSmoke ? [1, 1] : [6, 3];
      const workerOf = (n: number): Worker => rowsWorker(context, `power${n}`, drawLines(context));
      await cutRepeatedly(context, { images, lives, workerOf, withRows: true });
    },
  },
];
