/**
 * State DBs that a machine has damaged: flipped bits, a file that was cut, a WAL that is not its own. Logs are never
 * touched; what is answered is what the files say, or a code; a rebuild heals it.
 */
import { existsSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { STATE_DB_FILE_NAME } from "../../../src/projections/state-db-file.ts";
import { checkOthers, checkRowsLikeFiles, commandCode, type DamagedHome } from "../damage-checks.ts";
import { drawCases, type FaultContext, type FaultRow, runCases } from "../fault-row.ts";
import { type HomeFacts, readFiles, readHomeFacts } from "../fault-home.ts";
import { doctorAttention, rowsThatDiffer } from "../fault-inspection.ts";
import { removeRows } from "../fault-operations.ts";
import { copyHome } from "../operation-stage.ts";

interface RowDamage {
  readonly place: string;
  damage(home: string): void;
}

async function damageRows(
  context: FaultContext,
  smokeMax: number,
  damagesOf: (start: string) => readonly RowDamage[],
): Promise<void> {
  const { folder } = context;
  const start = join(folder, "start");
  await context.session.makeHome(start);
  const before = await readHomeFacts(start);
  const logs = readFiles(start);
  const damages = drawCases(context, damagesOf(start), smokeMax);
  await runCases(context, damages, async ({ place, damage }, lane) => {
    const home = join(folder, `home-${lane}`);
    copyHome(start, home);
    damage(home);
    await judgeDamage(context, { home, place, before, logs });
  });
}

interface DamagedRows {
  readonly home: string;
  readonly place: string;
  readonly before: HomeFacts;
  readonly logs: ReadonlyMap<string, string>;
}

async function judgeDamage({ books }: FaultContext, { home, place, before, logs }: DamagedRows): Promise<void> {
  books.inject();
  const damaged: DamagedHome = { home, before, threadId: null, place, books };
  const attention = await doctorAttention(home, "--check");
  if (attention.length > 0) books.name("doctor --check");
  const answer = await checkRowsLikeFiles(damaged, before);
  books.code(answer ?? "answered");
  const differing = await verdictsOn(damaged);
  if (differing > 0) books.name("verify --projections");
  if (answer !== null && attention.length === 0 && differing === 0) {
    books.break(`${place}: the rows answer ${answer}, and no tool says so`);
  }
  // What can't be opened is deleted as `doctor` says; all else is rebuilt.
  if ((await commandCode(damaged, "rebuild")) !== null) removeRows(home);
  const healed = await checkRowsLikeFiles(damaged, before);
  books.expect(healed === null, `${place}: after a rebuild the rows answer ${healed}`);
  for (const difference of await rowsThatDiffer(home)) books.break(`${place}: after a rebuild ${difference}`);
  await checkOthers(damaged);
  for (const [path, digest] of readFiles(home)) {
    if (logs.get(path) !== digest) books.harm(`${place}: ${path} changed`);
  }
}

/** Verdicts that are not "same"; a file that can't be verified is one. */
async function verdictsOn(damaged: DamagedHome): Promise<number> {
  const { home } = damaged;
  if ((await commandCode(damaged, "verify", "--projections")) !== null) return 1;
  return (await rowsThatDiffer(home)).length;
}

/** Flips spread over the file, drawn by the seed: some in each page. */
function flips(context: FaultContext, start: string): readonly RowDamage[] {
  const bytes = readFileSync(join(start, STATE_DB_FILE_NAME));
  const pages = Math.ceil(bytes.byteLength / PAGE_BYTES);
  return Array.from({ length: pages * FLIPS_PER_PAGE }, (_, n) => {
    const page = Math.floor(n / FLIPS_PER_PAGE);
    // Headers of pages are where a flip hurts most: half of them go there.
    const within = n % 2 === 0 ? Math.floor(context.random() * 100) : Math.floor(context.random() * PAGE_BYTES);
    const [at, bit] = [Math.min(page * PAGE_BYTES + within, bytes.byteLength - 1), Math.floor(context.random() * 8)];
    return {
      place: `bit ${bit} of byte ${within} of page ${page + 1} of ${pages}`,
      damage: (home) => {
        const flipped = Buffer.from(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        writeFileSync(join(home, STATE_DB_FILE_NAME), flipped);
      },
    };
  });
}

const PAGE_BYTES = 4_096;
const FLIPS_PER_PAGE = 3;

function cuts(start: string): readonly RowDamage[] {
  const { byteLength } = readFileSync(join(start, STATE_DB_FILE_NAME));
  const pages = Math.ceil(byteLength / PAGE_BYTES);
  const sizes = Array.from({ length: pages }, (_, n) => n * PAGE_BYTES);
  return [...sizes, 1, 99, PAGE_BYTES + 7, byteLength - 1].map((size) => ({
    place: `cut to ${size} of ${byteLength} bytes`,
    damage: (home) => truncateSync(join(home, STATE_DB_FILE_NAME), size),
  }));
}

const GARBAGE: readonly (readonly [string, string | Buffer])[] = [
  ["text", "this is no database\n".repeat(400)],
  ["zeros", Buffer.alloc(3 * PAGE_BYTES)],
  ["a header alone", Buffer.from("SQLite format 3\0")],
];

function strangers(): readonly RowDamage[] {
  const files = GARBAGE.map(([what, content]): RowDamage => ({
    place: `${what} in place of the state DB`,
    damage: (home) => writeFileSync(join(home, STATE_DB_FILE_NAME), content),
  }));
  const companions = ["-wal", "-shm", "-journal"].map((end): RowDamage => ({
    place: `garbage as skein.sqlite${end}`,
    damage: (home) => {
      const path = join(home, STATE_DB_FILE_NAME + end);
      writeFileSync(path, Buffer.alloc(5_000, existsSync(path) ? 0x5a : 0xa5));
    },
  }));
  return [...files, ...companions];
}

/** Damaged state DBs. */
export const DAMAGED_ROWS_ROWS: readonly FaultRow[] = [
  {
    id: "fault.bit-flip.rows",
    what: "a flipped bit in the state DB",
    how: "three in each of its pages, drawn by the seed",
    holds: "answers are those of the files, or `doctor --check` or `verify --projections` names it; a rebuild heals",
    needs: [],
    run: (context) => damageRows(context, 2, (start) => flips(context, start)),
  },
  {
    id: "fault.cut.rows",
    what: "a state DB that was cut",
    how: "at the end of each page, and within some",
    holds: "as for a flipped bit",
    needs: [],
    run: (context) => damageRows(context, 1, cuts),
  },
  {
    id: "fault.garbage.rows",
    what: "something else in the state DB's place, or beside it",
    how: "text, zeros, half a header; garbage as its WAL, shared memory and journal",
    holds: "as for a flipped bit",
    needs: [],
    run: (context) => damageRows(context, 2, strangers),
  },
];
