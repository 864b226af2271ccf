/**
 * Logs that a machine has damaged: the last append torn at each of its bytes, and single bits that flipped. What
 * stands in other lines and in other files is read as before, and `verify` names the damage.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { openLocalThreadStore } from "../../../src/store/local/index.ts";
import { checkOthers, checkRowsLikeFiles, codeOf, type DamagedHome } from "../damage-checks.ts";
import { drawCases, type FaultContext, type FaultRow, runCases } from "../fault-row.ts";
import { isSameThread, readHomeFacts, THREADS, turnItems } from "../fault-home.ts";
import { verifyFindings } from "../fault-inspection.ts";
import { copyHome } from "../operation-stage.ts";

/** The file of the thread that is damaged. */
async function subjectFile(home: string): Promise<string> {
  const store = await openLocalThreadStore({ home });
  try {
    return (await store.readThread({ threadId: THREADS.subject })).path ?? "";
  } finally {
    await store.close();
  }
}

async function appendOnce(home: string, key: string): Promise<number> {
  const store = await openLocalThreadStore({ home });
  try {
    const { writer } = await store.resumeThread({ threadId: THREADS.subject });
    const { firstOrdinal } = await store.appendItems({ writer, items: turnItems(key), idempotencyKey: key });
    return firstOrdinal;
  } finally {
    await store.close();
  }
}

/** The rows are asked for one byte in so many: that takes longer than all the rest. */
const ROWS_EVERY = 8;
/** Bytes that are flipped, one of each stretch; every one where all is asked for. */
const FLIPS_MAX = 400;

async function tearEverywhere(context: FaultContext): Promise<void> {
  const { folder, books } = context;
  const start = join(folder, "start");
  await context.session.makeHome(start);
  const [before, path] = [await readHomeFacts(start), await subjectFile(start)];
  const whole = readFileSync(path).byteLength;
  await appendOnce(start, "torn");
  const [after, bytes] = [await readHomeFacts(start), readFileSync(path)];
  const cuts = Array.from({ length: bytes.byteLength - whole + 1 }, (_, n) => whole + n);
  await runCases(context, drawCases(context, cuts, 4), async (cut, lane) => {
    books.inject();
    const home = join(folder, `home-${lane}`);
    copyHome(start, home);
    const place = `cut ${cut - whole} bytes into the last append of ${bytes.byteLength - whole}`;
    writeFileSync(join(home, path.slice(start.length + 1)), bytes.subarray(0, cut));
    const codes = (await verifyFindings(home)).map(({ code }) => code);
    for (const code of codes) books.name(code);
    const isWhole = cut === whole || cut === bytes.byteLength;
    books.expect(isWhole === (codes.length === 0), `${place}: verify says ${codes.join(", ") || "nothing"}`);
    const damaged: DamagedHome = { home, before, threadId: THREADS.subject, place, books };
    const found = await checkOthers(damaged);
    const own = found.get(THREADS.subject);
    const [first, last] = [before.get(THREADS.subject), after.get(THREADS.subject)];
    books.acknowledge(first?.log.length ?? 0);
    if (!isSameThread(own, first) && !isSameThread(own, last)) books.lose(`${place}: half of the append is there`);
    if (cut % ROWS_EVERY === 0) {
      const rows = await checkRowsLikeFiles(damaged, found);
      books.expect(rows === null, `${place}: rows: ${rows}`);
    }
    const ordinal = await appendOnce(home, "next");
    books.expect(ordinal === own?.log.length, `${place}: the next append is at ${ordinal}`);
    books.code("acknowledged");
    const later = (await verifyFindings(home)).map(({ code }) => code);
    books.expect(later.length === 0, `${place}: after the next append verify says ${later.join(", ")}`);
  });
}

interface Flip {
  readonly at: number;
  readonly bit: number;
}

/** Lines that a flipped byte belongs to: its own, and the next where it was the newline between them. */
function linesAt(bytes: Buffer, at: number): readonly number[] {
  const line = bytes.subarray(0, at).filter((byte) => byte === 0x0a).byteLength;
  return bytes[at] === 0x0a ? [line, line + 1] : [line];
}

async function flipBits(context: FaultContext): Promise<void> {
  const { folder, books } = context;
  const start = join(folder, "start");
  await context.session.makeHome(start);
  const [before, path] = [await readHomeFacts(start), await subjectFile(start)];
  const bytes = readFileSync(path);
  const wanted = before.get(THREADS.subject)?.log ?? [];
  const every: Flip[] = Array.from(bytes, (_byte, at) => ({ at, bit: Math.floor(context.random() * 8) }));
  const flips = context.isEvery || every.length <= FLIPS_MAX ? every : every.filter(isDrawn(every.length));
  await runCases(context, drawCases(context, flips, 6), async ({ at, bit }, lane) => {
    books.inject();
    const home = join(folder, `home-${lane}`);
    copyHome(start, home);
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
    writeFileSync(join(home, path.slice(start.length + 1)), flipped);
    const hurt = linesAt(bytes, at);
    const place = `bit ${bit} of byte ${at}, in line ${hurt.join(" and ")}: ${shown(bytes, at)} is ${shown(flipped, at)}`;
    const codes = new Set((await verifyFindings(home)).map(({ code }) => code));
    for (const code of codes) books.name(code);
    const damaged: DamagedHome = { home, before, threadId: THREADS.subject, place, books };
    const found = await checkOthers(damaged);
    const log = found.get(THREADS.subject)?.log;
    const isSame = isSameThread(before.get(THREADS.subject), found.get(THREADS.subject));
    books.expect(isSame || codes.size > 0, `${place}: it reads differently, and verify says nothing`);
    checkLines({ damaged, wanted, log, hurt, isTailHeld: codes.has("incomplete_batch") || codes.has("torn_tail") });
    if (context.isSmoke || at % ROWS_EVERY === 0) {
      const rows = await checkRowsLikeFiles(damaged, found);
      books.expect(rows === null, `${place}: rows: ${rows}`);
    }
    try {
      await appendOnce(home, "next");
      books.code("acknowledged");
    } catch (error) {
      books.code(codeOf(error, place, books));
    }
  });
}

/** Lets through so many of them, evenly. */
function isDrawn(all: number): (flip: Flip) => boolean {
  return ({ at }) => Math.floor((at * FLIPS_MAX) / all) !== Math.floor(((at - 1) * FLIPS_MAX) / all);
}

interface LineCheck {
  readonly damaged: DamagedHome;
  readonly wanted: readonly string[];
  readonly log: readonly string[] | undefined;
  readonly hurt: readonly number[];
  /** The last append is not whole any more, and held back. */
  readonly isTailHeld: boolean;
}

/** Lines that no bit of was flipped are read as before, but for a last append that is held back whole. */
function checkLines({ damaged, wanted, log, hurt, isTailHeld }: LineCheck): void {
  const { books, place } = damaged;
  const isHeadHurt = hurt.includes(0);
  if (log === undefined) {
    // Without its first line nobody knows whose log it is.
    if (!isHeadHurt) books.lose(`${place}: the thread is gone`);
    return;
  }
  let from = 0;
  wanted.forEach((digest, line) => {
    if (hurt.includes(line)) return;
    books.acknowledge(1);
    const at = log.indexOf(digest, from);
    if (at >= 0) from = at + 1;
    else if (!(isTailHeld && line >= wanted.length - BATCH_LINES_MAX)) books.lose(`${place}: record ${line} is gone`);
  });
}

/** Lines of the last append in the home's logs: a name's session_meta comes alone, a turn has two. */
const BATCH_LINES_MAX = 2;

function shown(bytes: Buffer, at: number): string {
  return JSON.stringify(bytes.subarray(Math.max(0, at - 4), at + 4).toString("latin1"));
}

/** Damaged logs. */
export const DAMAGED_LOG_ROWS: readonly FaultRow[] = [
  {
    id: "fault.torn-log",
    what: "a log that ends within its last append",
    how: "cut at each byte of it",
    holds: "the append is there whole or not at all; `verify` names what is left, and the next append stands behind it",
    needs: [],
    run: tearEverywhere,
  },
  {
    id: "fault.bit-flip.log",
    what: "a flipped bit in a log",
    how: "one in each of 400 of its bytes",
    holds: "all other records are read. A flip that makes other words of a text is named by its line's checksum",
    needs: [],
    run: flipBits,
  },
];
