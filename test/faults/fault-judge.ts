/**
 * The judgement of a home in which an operation was cut short, or failed. What is broken goes into the books with the
 * place where the fault hit; nothing is thrown. What must hold:
 *   - what was acknowledged is there; what was not is there whole, or not at all, or as far as the operation may say;
 *   - no other thread changed, not by a byte;
 *   - `verify` names what was left, `doctor` finds nothing to do once the home was opened again;
 *   - the rows are the fold of the logs;
 *   - the operation can be done once more.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { isSkeinError } from "../../src/base/index.ts";
import { createInlinePool, openStateDbWith, verifyProjectionsWith } from "../../src/projections/index.ts";
import { type HomeFinding, openLocalThreadStore } from "../../src/store/local/index.ts";
import type { FaultBooks } from "./fault-books.ts";
import {
  type HomeFacts,
  isSameThread,
  readFiles,
  readHomeFacts,
  readStoreFacts,
  type ThreadFacts,
} from "./fault-home.ts";
import { doctorAttention, verifyFindings } from "./fault-inspection.ts";
import { allowedStates, type FaultOperation, runOperation } from "./fault-operations.ts";

/** What is known of an operation without faults: the home before it, and after. */
export interface OperationFacts {
  readonly operation: FaultOperation;
  readonly before: HomeFacts;
  readonly after: HomeFacts;
  readonly filesBefore: ReadonlyMap<string, string>;
  readonly filesAfter: ReadonlyMap<string, string>;
}

/** A home to judge. */
export interface Judgement {
  readonly home: string;
  readonly facts: OperationFacts;
  /** The caller was told that the operation is done. */
  readonly isAcknowledged: boolean;
  /** Where the fault hit, for messages. */
  readonly place: string;
  readonly books: FaultBooks;
}

/** Judges the home; what is broken stands in the books. */
export async function judgeHome(judgement: Judgement): Promise<void> {
  const { books, place } = judgement;
  try {
    await judge(judgement);
  } catch (error) {
    books.break(`${place}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  }
}

async function judge(judgement: Judgement): Promise<void> {
  const { home, facts, books, place } = judgement;
  const findings = await verifyFindings(home);
  checkLeftovers(judgement, findings);
  checkBystanders(judgement);
  for (const attention of await doctorAttention(home)) books.name(`doctor: ${wordsOf(attention)}`);
  await facts.operation.settle?.(home);
  const found = await readHomeFacts(home);
  const happened = checkThreads(judgement, found);
  await checkRows(judgement, found);
  await checkAgain(judgement, happened);
  const attention = await doctorAttention(home);
  books.expect(attention.length === 0, `${place}: doctor still wants attention: ${attention.join("; ")}`);
}

/** What `doctor` says begins with a path; what it is about comes behind. */
function wordsOf(attention: string): string {
  if (attention.includes("never filled")) return "never filled";
  return /\[(\w+)\]/.exec(attention)?.[1] ?? attention.replaceAll(/\S*\/\S*/g, "…").slice(0, 60);
}

/** Names and dates of files differ from run to run; the thread in them doesn't. */
function nameless(path: string): string {
  return path.replaceAll(/\d{4}\/\d\d\/\d\d/g, "DAY").replaceAll(/\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d/g, "TIME");
}

function checkLeftovers({ home, facts, books, place }: Judgement, findings: readonly HomeFinding[]): void {
  const { operation, filesBefore, filesAfter } = facts;
  for (const { code, severity, path, message } of findings) {
    books.name(code);
    const isAllowed = operation.leaves.includes(code) || filesBefore.has(path);
    books.expect(isAllowed, `${place}: verify finds a ${severity} ${code} in ${path}: ${message}`);
  }
  const named = new Set(findings.map(({ path }) => path));
  const known = new Set([...filesBefore.keys(), ...filesAfter.keys()].map(nameless));
  for (const path of readFiles(home).keys()) {
    const isKeptAside = path.startsWith("skein/torn/");
    const isTorn = path.endsWith(".jsonl") && endsTorn(join(home, path));
    const needsName = isTorn || !(known.has(nameless(path)) || isKeptAside);
    books.expect(!needsName || named.has(join(home, path)), `${place}: verify does not name ${path}`);
  }
}

/** Whether a log's last line is unfinished, or its last batch. An empty log is torn as well. */
function endsTorn(path: string): boolean {
  const text = readFileSync(path, "utf8");
  return !text.endsWith("\n") || /,"skein":\{"more":\d+\}(?:,"crc":"[\da-f]{8}")?\}\n$/.test(text);
}

function checkBystanders({ home, facts, books, place }: Judgement): void {
  const { operation, filesBefore } = facts;
  const files = readFiles(home);
  for (const [path, digest] of filesBefore) {
    const isMeant =
      path === "session_index.jsonl" || (operation.threadId !== null && path.includes(operation.threadId));
    if (isMeant || path.includes(".fork-tmp")) continue;
    if (files.get(path) !== digest) books.harm(`${place}: ${path} changed`);
  }
}

/** Whether the operation has happened. */
function checkThreads(judgement: Judgement, found: HomeFacts): boolean {
  const { facts, books, place, isAcknowledged } = judgement;
  const { operation, before, after } = facts;
  for (const id of new Set([...before.keys(), ...found.keys()])) {
    const [first, now] = [before.get(id), found.get(id)];
    books.acknowledge(first?.log.length ?? 0);
    if (id === operation.threadId) continue;
    if (!isSameThread(first, now)) books.harm(`${place}: thread ${id} was ${shown(first)} and is ${shown(now)}`);
  }
  if (operation.threadId === null) return isAcknowledged;
  const [own, done] = [found.get(operation.threadId), after.get(operation.threadId)];
  const happened = isDone(operation, own, done);
  if (isAcknowledged && !happened) books.lose(`${place}: acknowledged, and the thread is ${shown(own)}`);
  const isAllowed = happened || allowedStates(operation, before, after).some((state) => isSameThread(state, own));
  if (!isAllowed) books.lose(`${place}: neither done nor undone: the thread is ${shown(own)}`);
  return happened;
}

function shown(thread: ThreadFacts | undefined): string {
  if (thread === undefined) return "gone";
  return `"${thread.name}", ${thread.archived ? "archived" : "live"}, ${thread.log.length} records (${thread.log.slice(-2).join("; ")})`;
}

/** The rows, brought up to the files, are their fold, and say the same as the files. */
async function checkRows({ home, books, place }: Judgement, found: HomeFacts): Promise<void> {
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  try {
    const { setAside } = stateDb.opening;
    if (setAside !== null) books.break(`${place}: the state DB was set aside: ${setAside.why}`);
    const store = await openLocalThreadStore({ home, stateDb });
    const byRows = await readStoreFacts(store);
    await store.close();
    for (const id of new Set([...found.keys(), ...byRows.keys()])) {
      const [files, rows] = [found.get(id), byRows.get(id)];
      books.expect(isSameThread(files, rows), `${place}: by rows ${id} is ${shown(rows)}, by files ${shown(files)}`);
    }
  } finally {
    await stateDb.close();
  }
  for await (const { outcome, message } of verifyProjectionsWith({ home }, createInlinePool())) {
    books.expect(outcome === "same", `${place}: rows are ${outcome}: ${message}`);
  }
}

/** Done once more, the operation succeeds, or is refused because it has happened. */
async function checkAgain({ home, facts, books, place }: Judgement, happened: boolean): Promise<void> {
  const { operation, after } = facts;
  try {
    await runOperation(operation, home);
  } catch (error) {
    const { refusedAgain, isRefusedHalfDone = false } = operation;
    const isRefusal = refusedAgain !== undefined && isSkeinError(error, refusedAgain);
    if (!isRefusal || !(happened || isRefusedHalfDone)) books.break(`${place}: can't be done again: ${String(error)}`);
    if (!isRefusal || !happened) return;
  }
  await operation.settle?.(home);
  const found = await readHomeFacts(home);
  for (const id of new Set([...after.keys(), ...found.keys()])) {
    const wanted = after.get(id);
    const now = found.get(id);
    const isAsWanted = id === operation.threadId ? isDone(operation, now, wanted) : isSameThread(now, wanted);
    if (!isAsWanted) {
      books.break(`${place}: done again, thread ${id} is ${shown(now)} and not ${shown(wanted)}`);
    }
  }
}

/** Whether the thread is as the operation leaves it, or as it does when it was tried several times. */
function isDone({ growsAgain = false }: FaultOperation, now?: ThreadFacts, wanted?: ThreadFacts): boolean {
  if (isSameThread(now, wanted)) return true;
  if (!growsAgain || now === undefined || wanted === undefined) return false;
  return isSameThread({ ...now, log: now.log.slice(0, wanted.log.length) }, wanted);
}
