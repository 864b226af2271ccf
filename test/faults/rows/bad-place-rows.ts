/**
 * Homes that can't be used as they are: read-only, missing, something else in their place, or in a process that may
 * open few files. The caller is given a code, and what is there stays.
 */
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { drawCases, type FaultContext, type FaultRow } from "../fault-row.ts";
import { isSameThread, readHomeFacts, type HomeFacts } from "../fault-home.ts";
import { rowsThatDiffer, verifyFindings } from "../fault-inspection.ts";
import { remount, withSmallDisk } from "../mounted-disk.ts";
import { copyHome } from "../operation-stage.ts";
import { checkByLedger, codesIn, type PressureOptions, PressureProcess } from "../pressure-process.ts";

const quiet = { threads: 2, paddingChars: 100, durability: "fsync" } as const;

/** Without a state DB and with one; in a smoke run one of them. */
function bothWays(context: FaultContext): readonly boolean[] {
  return drawCases(context, [false, true], 1);
}

/** A home that a process is to use and can't, and the codes that it may be told so by. */
interface BadPlace {
  readonly home: string;
  readonly withRows: boolean;
  readonly codes: readonly string[];
  readonly through?: readonly string[];
  readonly place: string;
}

/** Opens, appends and lists in a child; each failure must have one of the codes. Gives how many there were. */
async function tryToUse({ books }: FaultContext, { home, withRows, codes, through, place }: BadPlace): Promise<number> {
  books.inject();
  const options: PressureOptions = { ...quiet, home, name: "bad", withRows };
  const child = new PressureProcess(through === undefined ? { options } : { options, through });
  try {
    const opened = codesIn(await child.run({ do: "open" }, books));
    const appended =
      opened.length > 0 ? [] : codesIn(await child.run({ do: "append", times: 2, failuresMax: 2 }, books));
    const told = [...opened, ...appended];
    books.expect(
      told.every((code) => codes.includes(code)),
      `${place}: told as ${told.join(", ")}`,
    );
    return told.length;
  } finally {
    await child.kill();
  }
}

async function expectUnharmed({ books }: FaultContext, home: string, before: HomeFacts): Promise<void> {
  const found = await readHomeFacts(home);
  for (const [id, facts] of before) {
    books.acknowledge(facts.log.length);
    if (!isSameThread(facts, found.get(id))) books.harm(`thread ${id} is not as it was`);
  }
}

async function readOnlyMount(context: FaultContext): Promise<void> {
  const { books, folder } = context;
  await withSmallDisk(folder, 8_192, async (disk) => {
    const home = join(disk, "home");
    await context.session.makeHome(home);
    const before = await readHomeFacts(home);
    for (const withRows of bothWays(context)) {
      remount(disk, "ro");
      const bad = { home, withRows, codes: ["permission_denied"], place: `read-only, rows ${withRows}` };
      books.expect((await tryToUse(context, bad)) > 0, `${bad.place}: nobody was told`);
      await expectUnharmed(context, home, before);
      remount(disk, "rw");
    }
    for (const difference of await rowsThatDiffer(home)) books.break(difference);
  });
}

const NOBODY = 65_534;
const AS_NOBODY = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--"] as const;

/** Gives a tree to nobody, or makes all of it read-only. */
function walk(path: string, change: (path: string, isFolder: boolean) => void): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const below = join(path, entry.name);
    if (entry.isDirectory()) walk(below, change);
    else change(below, false);
  }
  change(path, true);
}

/** Of files, and of folders. */
const MODES = [
  [0o444, 0o555],
  [0o444, 0o755],
  [0o000, 0o000],
] as const;

async function readOnlyFolders(context: FaultContext): Promise<void> {
  const { books, folder } = context;
  chmodSync(folder, 0o755);
  const start = join(folder, "start");
  await context.session.makeHome(start);
  const before = await readHomeFacts(start);
  for (const modes of drawCases(context, MODES, 1)) {
    for (const withRows of bothWays(context)) {
      const home = join(folder, "home");
      copyHome(start, home);
      walk(home, (path, isFolder) => {
        chownSync(path, NOBODY, NOBODY);
        chmodSync(path, modes[isFolder ? 1 : 0]);
      });
      const place = `modes ${modes.map((mode) => mode.toString(8)).join(" and ")}, rows ${withRows}`;
      const bad = { home, withRows, codes: ["permission_denied"], through: AS_NOBODY, place };
      const told = await tryToUse(context, bad);
      // In a folder that may be written to, a thread of its own can be made.
      books.expect(told > 0 || modes[1] === 0o755, `${place}: nobody was told`);
      walk(home, (path, isFolder) => chmodSync(path, isFolder ? 0o755 : 0o644));
      await expectUnharmed(context, home, before);
    }
  }
}

/** Each: what lies where the home should be, or is missing from it. */
async function missingFolders(context: FaultContext): Promise<void> {
  const { books, folder } = context;
  const start = join(folder, "start");
  await context.session.makeHome(start);
  const before = await readHomeFacts(start);
  const unusable = ["home_unusable", "io_error", "permission_denied"];
  for (const withRows of bothWays(context)) {
    const file = join(folder, `file-${withRows}`);
    writeFileSync(file, "no folder\n");
    const places = [file, join(file, "below")];
    for (const home of places) {
      const place = `a file as ${home === file ? "the home" : "the folder above it"}, rows ${withRows}`;
      books.expect(
        (await tryToUse(context, { home, withRows, codes: unusable, place })) > 0,
        `${place}: nobody was told`,
      );
    }
    const home = join(folder, `home-${withRows}`);
    copyHome(start, home);
    renameSync(join(home, "sessions"), join(folder, `away-${withRows}`));
    writeFileSync(join(home, "sessions"), "no folder\n");
    const place = `a file as sessions/, rows ${withRows}`;
    books.expect(
      (await tryToUse(context, { home, withRows, codes: unusable, place })) > 0,
      `${place}: nobody was told`,
    );
    rmSync(join(home, "sessions"));
    renameSync(join(folder, `away-${withRows}`), join(home, "sessions"));
    await expectUnharmed(context, home, before);
    for (const difference of await rowsThatDiffer(home)) books.break(`${place}: ${difference}`);
    const empty = join(folder, `empty-${withRows}`, "deep", "home");
    const told = await tryToUse(context, { home: empty, withRows, codes: [], place: "a home that isn't there" });
    books.expect(told === 0 && existsSync(empty), "a home that isn't there is made");
    books.code("acknowledged");
  }
}

/** The home is taken away while a process uses it, and comes back. */
async function folderTakenAway(context: FaultContext): Promise<void> {
  const { books, folder } = context;
  for (const withRows of bothWays(context)) {
    const home = join(folder, `taken-${withRows}`);
    mkdirSync(home);
    const options = { ...quiet, home, name: `taken${withRows}`, withRows };
    const child = new PressureProcess({ options });
    try {
      await child.run({ do: "open" }, books);
      await child.run({ do: "append", times: 6, failuresMax: 1 }, books);
      books.inject();
      renameSync(home, `${home}.away`);
      const codes = codesIn(await child.run({ do: "append", times: 4, failuresMax: 4 }, books));
      books.expect(!codes.includes("none"), `rows ${withRows}: an error without a code`);
      // An open file is written wherever its folder is.
      if (codes.length === 0) books.code("acknowledged");
      await child.kill();
    } finally {
      await child.kill();
    }
    rmSync(home, { recursive: true, force: true });
    renameSync(`${home}.away`, home);
    for (const { code } of await verifyFindings(home)) books.name(code);
    await checkByLedger(child.ledger, home, books);
    if (withRows) for (const difference of await rowsThatDiffer(home)) books.break(difference);
  }
}

/** A process that may open few files, with more threads than that. */
async function fewDescriptors(context: FaultContext): Promise<void> {
  const { books, folder, isSmoke } = context;
  const limits = isSmoke ? [40] : [24, 26, 28, 30, 34, 40, 50, 64];
  for (const [n, limit] of limits.entries()) {
    for (const withRows of bothWays(context)) {
      const home = join(folder, `few-${limit}-${withRows}`);
      const options: PressureOptions = { ...quiet, threads: 60, home, name: `few${limit}`, withRows };
      const child = new PressureProcess({ options, through: ["prlimit", `--nofile=${limit}:${limit}`, "--"] });
      const place = `${limit} descriptors, rows ${withRows}`;
      try {
        books.inject();
        const opened = codesIn(await child.run({ do: "open" }, books));
        books.expect(
          opened.every((code) => code === "too_many_open_files"),
          `${place}: told as ${opened.join(", ")}`,
        );
        if (opened.length > 0) continue;
        const codes = codesIn(await child.run({ do: "append", times: 240, failuresMax: 20 }, books));
        books.expect(
          codes.every((code) => code === "too_many_open_files"),
          `${place}: told as ${codes.join(", ")}`,
        );
        const listed = codesIn(await child.run({ do: "list" }, books));
        books.expect(
          listed.every((code) => code === "too_many_open_files"),
          `${place}: told as ${listed.join(", ")}`,
        );
        await child.close(books);
      } finally {
        await child.kill();
      }
      await checkByLedger(child.ledger, home, books);
      for (const { code, message } of await verifyFindings(home)) books.break(`${place}: ${code}: ${message}`);
      if (withRows) for (const difference of await rowsThatDiffer(home)) books.break(`${place}: ${difference}`);
    }
    context.onCase(n + 1, limits.length);
  }
}

/** Bad places. */
export const BAD_PLACE_ROWS: readonly FaultRow[] = [
  {
    id: "fault.read-only.mount",
    what: "a file system that is read-only",
    how: "a tmpfs, remounted; with and without a state DB",
    holds: "permission_denied; reading goes on",
    needs: ["tmpfs"],
    run: readOnlyMount,
  },
  {
    id: "fault.read-only.modes",
    what: "folders and files that a user may not write to, or not look into",
    how: "a home of another user's modes, used by that user; with and without a state DB",
    holds: "permission_denied",
    needs: ["root", "setpriv"],
    run: readOnlyFolders,
  },
  {
    id: "fault.missing.folders",
    what: "a home that isn't there, or is a file, and a file as its sessions/",
    how: "each used by a process, with and without a state DB",
    holds: "home_unusable or io_error where there is a file; what isn't there is made",
    needs: [],
    run: missingFolders,
  },
  {
    id: "fault.missing.taken-away",
    what: "a home that is moved away while a process appends to it",
    how: "renamed between two appends, and renamed back after the process",
    holds: "each append is acknowledged in the home, or has a code",
    needs: [],
    run: folderTakenAway,
  },
  {
    id: "fault.too-many-open-files",
    what: "a process that may open few files",
    how: "60 threads appended to under limits of 24 to 64 descriptors",
    holds: "too_many_open_files or success",
    needs: ["prlimit"],
    run: fewDescriptors,
  },
];
