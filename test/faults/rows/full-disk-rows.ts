/**
 * Disks that are full and files that may not grow, for real: a small tmpfs, and the limit of a process. What was
 * acknowledged stays, the caller is told, and the same process goes on once there is room.
 */
import { rmSync, statfsSync } from "node:fs";
import { join } from "node:path";

import { isSkeinError } from "../../../src/base/index.ts";
import { openStateDb } from "../../../src/runtime/index.ts";
import type { FaultContext, FaultRow } from "../fault-row.ts";
import { drawCases } from "../fault-row.ts";
import { readHomeFacts, isSameThread } from "../fault-home.ts";
import { doctorAttention, rowsThatDiffer, verifyFindings } from "../fault-inspection.ts";
import { removeRows } from "../fault-operations.ts";
import { fillWithBallast, withSmallDisk } from "../mounted-disk.ts";
import { copyHome } from "../operation-stage.ts";
import { checkByLedger, codesIn, PressureProcess } from "../pressure-process.ts";

/** Removed when the disk is full: room to go on with, for rows that were kept waiting as well. */
const BALLAST_KIB = 6_000;
const APPENDS_MAX = 4_000;

/** Appends until the disk is full, again when there is room, and looks. */
async function fillDisk(context: FaultContext, kib: number, withRows: boolean): Promise<void> {
  const { books, folder } = context;
  await withSmallDisk(folder, kib + BALLAST_KIB, async (disk) => {
    const home = join(disk, "home");
    const ballast = fillWithBallast(disk, BALLAST_KIB);
    const options = {
      home,
      name: `full${kib}`,
      threads: 3,
      paddingChars: 2_000,
      withRows,
      durability: "fsync",
    } as const;
    const child = new PressureProcess({ options });
    try {
      await child.run({ do: "open" }, books);
      const said = await child.run({ do: "append", times: APPENDS_MAX, failuresMax: 5 }, books);
      const codes = codesIn(said);
      books.inject();
      books.expect(codes.length >= 5, `a disk of ${kib} KiB was never full`);
      books.expect(
        codes.every((code) => code === "disk_full"),
        `a full disk was told as ${codes.join(", ")}`,
      );
      await checkFindings(context, home);
      rmSync(ballast);
      const more = codesIn(await child.run({ do: "append", times: 6, failuresMax: 6 }, books));
      books.expect(more.length === 0, `with room again: ${more.join(", ")}`);
      if (withRows) await child.run({ do: "list" }, books);
      await child.close(books);
    } finally {
      await child.kill();
    }
    const roomy = join(folder, `roomy-${kib}`);
    copyHome(home, roomy);
    await checkByLedger(child.ledger, roomy, books);
    if (withRows) await checkRowsAndDoctor(context, roomy);
  });
}

async function checkFindings({ books }: FaultContext, home: string): Promise<void> {
  for (const { code, message } of await verifyFindings(home)) {
    books.name(code);
    books.break(`what was refused left a ${code}: ${message}`);
  }
}

async function checkRowsAndDoctor({ books }: FaultContext, home: string): Promise<void> {
  for (const difference of await rowsThatDiffer(home)) books.break(`rows: ${difference}`);
  for (const attention of await doctorAttention(home)) books.break(`doctor: ${attention}`);
}

/** Fills the rows of a home on a disk that has no room for them, and then has. */
async function fillRows(context: FaultContext, kib: number): Promise<void> {
  const { books, folder } = context;
  const source = join(folder, "source");
  await withSmallDisk(folder, kib, async (disk) => {
    const home = join(disk, "home");
    copyHome(source, home);
    try {
      const stateDb = await openStateDb({ home });
      books.code("acknowledged");
      await stateDb.close();
    } catch (error) {
      books.inject();
      const code = isSkeinError(error) ? error.code : "none";
      books.code(code);
      books.expect(code === "disk_full", `${kib} KiB: a full disk was told as ${code}: ${String(error)}`);
      for (const attention of await doctorAttention(home))
        books.name(attention.includes("never filled") ? "doctor: never filled" : attention);
    }
    const roomy = join(folder, `roomy-${kib}`);
    copyHome(home, roomy);
    const [wanted, found] = [await readHomeFacts(source), await readHomeFacts(roomy)];
    for (const [id, facts] of wanted) {
      books.acknowledge(facts.log.length);
      if (!isSameThread(facts, found.get(id))) books.lose(`thread ${id} on a disk of ${kib} KiB`);
    }
    await checkRowsAndDoctor(context, roomy);
  });
}

/** Opens a filled state DB on a disk with hardly a byte left: what SQLite makes beside it can't be made. */
async function openOnFullDisk(context: FaultContext, leftKib: number): Promise<void> {
  const { books, folder } = context;
  await withSmallDisk(folder, 4_096, async (disk) => {
    const home = join(disk, "home");
    await context.session.makeHome(home);
    const before = await readHomeFacts(home);
    const { bavail, bsize } = statfsSync(disk);
    const ballast = fillWithBallast(disk, (bavail * bsize) / 1_024 - leftKib);
    books.inject();
    try {
      await (await openStateDb({ home })).close();
      books.code("acknowledged");
    } catch (error) {
      const code = isSkeinError(error) ? error.code : "none";
      books.code(code);
      books.expect(code === "disk_full", `${leftKib} KiB left: a full disk was told as ${code}: ${String(error)}`);
    }
    const found = await readHomeFacts(home);
    for (const [id, facts] of before) {
      books.acknowledge(facts.log.length);
      if (!isSameThread(facts, found.get(id))) books.lose(`thread ${id}`);
    }
    rmSync(ballast);
    await checkRowsAndDoctor(context, home);
  });
}

/** Sizes at which the disk is full in the file, in the WAL, or in what is written beside them. */
function sizes(from: number, to: number, step: number): readonly number[] {
  return Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, n) => from + n * step);
}

const limitedFile = ["prlimit", "--fsize=200000", "--"] as const;

/** Appends until files have reached the limit of the process; a process without it goes on. */
async function reachLimit(context: FaultContext, withRows: boolean): Promise<void> {
  const { books, folder } = context;
  const home = join(folder, "home");
  const options = { home, name: "limit", threads: 3, paddingChars: 2_000, withRows, durability: "fsync" } as const;
  const child = new PressureProcess({ options, through: limitedFile });
  try {
    await child.run({ do: "open" }, books);
    const codes = codesIn(await child.run({ do: "append", times: APPENDS_MAX, failuresMax: 9 }, books));
    books.inject();
    books.expect(codes.length === 9, "no file reached the limit");
    books.expect(
      codes.every((code) => code === "rollout_too_large"),
      `a file too large was told as ${codes.join(", ")}`,
    );
    await checkFindings(context, home);
    await child.close(books);
  } finally {
    await child.kill();
  }
  await checkByLedger(child.ledger, home, books);
  if (withRows) await checkRowsAndDoctor(context, home);
}

async function reachRowsLimit(context: FaultContext): Promise<void> {
  const { books, folder } = context;
  const home = join(folder, "home");
  await context.session.makeHome(home);
  removeRows(home);
  const options = { home, name: "rows", threads: 1, paddingChars: 10, withRows: true, durability: "fsync" } as const;
  const child = new PressureProcess({ options, through: ["prlimit", "--fsize=60000", "--"] });
  try {
    const codes = codesIn(await child.run({ do: "open" }, books));
    books.inject();
    books.expect(codes.length === 1 && codes[0] !== "none", `rows too large were told as ${codes.join(", ")}`);
  } finally {
    await child.kill();
  }
  for (const facts of (await readHomeFacts(home)).values()) books.acknowledge(facts.log.length);
  for (const attention of await doctorAttention(home))
    books.name(attention.includes("never filled") ? "doctor: never filled" : attention);
  await checkRowsAndDoctor(context, home);
}

/** Full disks, by what is on them. */
export const FULL_DISK_ROWS: readonly FaultRow[] = [
  {
    id: "fault.full-disk.logs",
    what: "a disk without room, under appends",
    how: "appends to three threads on a small tmpfs until it refuses, and on once there is room",
    holds: "disk_full, nothing of a refused append stays, and the same process goes on",
    needs: ["tmpfs"],
    run: async (context) => {
      for (const kib of drawCases(context, sizes(200, 900, 50), 1)) await fillDisk(context, kib, false);
    },
  },
  {
    id: "fault.full-disk.logs-and-rows",
    what: "a disk without room, under appends with a state DB beside the logs",
    how: "the same with the state DB on the disk",
    holds: "the same, and rows are late, never wrong",
    needs: ["tmpfs"],
    run: async (context) => {
      for (const kib of drawCases(context, sizes(900, 2_400, 100), 1)) await fillDisk(context, kib, true);
    },
  },
  {
    id: "fault.full-disk.fill",
    what: "a disk without room for the rows",
    how: "the state DB of a home is opened on tmpfs's that it fits on less and less",
    holds: "disk_full, and with room again all threads are listed: none is in quarantine",
    needs: ["tmpfs"],
    run: async (context) => {
      const source = join(context.folder, "source");
      await context.session.makeHome(source);
      removeRows(source);
      for (const kib of drawCases(context, sizes(2_440, 2_640, 16), 2)) await fillRows(context, kib);
    },
  },
  {
    id: "fault.full-disk.open",
    what: "a disk without room for what SQLite makes beside a state DB that is filled",
    how: "the state DB is opened with 0 to 64 KiB left",
    holds: "disk_full; reading by the files goes on",
    needs: ["tmpfs"],
    run: async (context) => {
      for (const kib of drawCases(context, [0, 4, 8, 16, 28, 32, 40, 64], 1)) await openOnFullDisk(context, kib);
    },
  },
  {
    id: "fault.file-limit.logs",
    what: "EFBIG: logs that may not grow",
    how: "appends in a process with a limit of 200 kB a file",
    holds: "rollout_too_large, nothing of a refused append stays, and another process goes on",
    needs: ["prlimit"],
    run: (context) => reachLimit(context, false),
  },
  {
    id: "fault.file-limit.rows",
    what: "EFBIG: a state DB that may not grow",
    how: "the state DB is opened in a process with a limit of 60 kB a file",
    holds: "a code, and another process fills the rows",
    needs: ["prlimit"],
    run: reachRowsLimit,
  },
];
