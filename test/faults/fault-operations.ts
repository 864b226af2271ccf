/**
 * The operations of several steps that are killed, or fail, at each of their calls: what is done, what it may leave
 * when it is cut short, and how doing it again may be answered. The same code runs in the child that dies and in the
 * process that judges.
 */
import { appendFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { fault, silentLogger, systemClock } from "../../src/base/index.ts";
import { type ErrorCode, openStateDb, rebuildStateDb } from "../../src/index.ts";
import { createInlinePool, openStateDbWith } from "../../src/projections/index.ts";
import { MIGRATIONS } from "../../src/projections/schema.ts";
import { openStateDbFile, STATE_DB_FILE_NAME, type StateDbFile } from "../../src/projections/state-db-file.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { type FindingCode, openLocalThreadStore, repairHome } from "../../src/store/local/index.ts";
import { type HomeFacts, type ThreadFacts, THREADS, turnItems } from "./fault-home.ts";

/** One operation. */
export interface FaultOperation {
  readonly id: string;
  /** Ends the sentence "killed in …". */
  readonly title: string;
  /** The thread that it is about; null for one about rows or the whole home. */
  readonly threadId: string | null;
  /** Brings a copy of the home to where the operation begins. */
  prepare?(home: string): Promise<void>;
  /** Does it in an open store. Absent where it opens what it needs itself. */
  inStore?(store: ThreadStore): Promise<void>;
  /** Does it without a store. */
  onHome?(home: string): Promise<void>;
  /** Goes on where it was cut short, and brings the home back to what every other check can read. */
  settle?(home: string): Promise<void>;
  /** States of its thread between the one before and the one after, which nobody was told of. */
  between?(before: ThreadFacts | undefined, after: ThreadFacts | undefined): readonly ThreadFacts[];
  /** Codes that its failures may have beside the fault's own. */
  readonly codes?: readonly ErrorCode[];
  /** What `verify` may find after it was cut short. */
  readonly leaves: readonly FindingCode[];
  /** Done once more, it records once more. Default false. */
  readonly growsAgain?: boolean;
  /** How doing it once more is refused when it has happened. Absent: it isn't. */
  readonly refusedAgain?: ErrorCode;
  /**
   * It is refused so as well where it was cut short before anybody was told: a file in which no thread can be read has
   * the thread's name, and is left to whoever may still be writing it. `verify` names it.
   */
  readonly isRefusedHalfDone?: boolean;
}

const TAIL = ["torn_tail", "incomplete_batch", "missing_newline"] as const;
const NEW_FILE = [...TAIL, "empty_file", "no_session_meta"] as const;
const INDEX = ["bad_index_line", "dangling_index_entry"] as const;

async function append(store: ThreadStore, threadId: string, key: string): Promise<void> {
  const { writer } = await store.resumeThread({ threadId });
  const items = [...turnItems("appended"), ...turnItems("and more")];
  await store.appendItems({ writer, items, idempotencyKey: key });
  await store.shutdownThread(writer);
}

async function fork(store: ThreadStore, sourceId: string, endOrdinal: number): Promise<void> {
  const source = { threadId: sourceId, endOrdinal };
  const { writer } = await store.createThread({ threadId: THREADS.new, metadata: { cwd: "/fork" }, fork: source });
  await store.shutdownThread(writer);
}

/** The path of a live or archived thread's file. */
async function pathOf(home: string, threadId: string): Promise<string> {
  const store = await openLocalThreadStore({ home });
  try {
    return (await store.readThread({ threadId })).path ?? "";
  } finally {
    await store.close();
  }
}

const HALF_A_LINE = '{"timestamp":"2026-01-01T00:00:00.000Z","type":"event_msg","payload":{"type":"agent_mess';

async function tear(home: string): Promise<void> {
  appendFileSync(await pathOf(home, THREADS.subject), HALF_A_LINE);
}

/** A schema with one step more than today's. */
const NEXT_SCHEMA = [
  ...MIGRATIONS,
  { version: 2, up: "CREATE TABLE next_schema (a TEXT); CREATE INDEX next_schema_a ON next_schema (a)" },
];

function openWithNextSchema(home: string): Promise<StateDbFile> {
  const path = join(home, STATE_DB_FILE_NAME);
  const options = { path, mode: "read-write", clock: systemClock, logger: silentLogger } as const;
  return openStateDbFile({ ...options, migrations: NEXT_SCHEMA });
}

const onLogs: readonly FaultOperation[] = [
  {
    id: "append",
    title: "an append of four records",
    threadId: THREADS.subject,
    inStore: (store) => append(store, THREADS.subject, "again"),
    leaves: TAIL,
  },
  {
    id: "materialise",
    title: "the making of a thread with its first records",
    threadId: THREADS.new,
    inStore: async (store) => {
      const { writer } = await store.createThread({ threadId: THREADS.new, metadata: { cwd: "/new" } });
      await store.appendItems({ writer, items: turnItems("first") });
      await store.shutdownThread(writer);
    },
    between: (_before, after) => (after === undefined ? [] : [{ ...after, log: after.log.slice(0, 1) }]),
    leaves: NEW_FILE,
    refusedAgain: "thread_exists",
    isRefusedHalfDone: true,
  },
  {
    id: "patch",
    title: "a change of name and git branch",
    threadId: THREADS.subject,
    inStore: async (store) => {
      const patch = { name: "another name", git: { branch: "faults" } };
      await store.updateThreadMetadata({ threadId: THREADS.subject, patch });
    },
    between: (before, after) => (before === undefined || after === undefined ? [] : [{ ...after, name: before.name }]),
    leaves: [...TAIL, ...INDEX],
    growsAgain: true,
  },
  {
    id: "fork",
    title: "a fork of 2.3 MB",
    threadId: THREADS.new,
    inStore: (store) => fork(store, THREADS.large, 15),
    leaves: ["leftover_fork"],
    refusedAgain: "thread_exists",
  },
  {
    id: "archive",
    title: "an archiving",
    threadId: THREADS.subject,
    inStore: (store) => store.archiveThread(THREADS.subject),
    leaves: [],
    refusedAgain: "thread_archived",
  },
  {
    id: "unarchive",
    title: "an unarchiving",
    threadId: THREADS.archived,
    inStore: async (store) => {
      await store.unarchiveThread(THREADS.archived);
    },
    leaves: [],
    refusedAgain: "thread_not_archived",
  },
  {
    id: "delete",
    title: "a deletion",
    threadId: THREADS.subject,
    inStore: (store) => store.deleteThread(THREADS.subject),
    leaves: [...INDEX],
    refusedAgain: "thread_not_found",
  },
  {
    id: "cut-tail",
    title: "an append that cuts a torn tail first",
    threadId: THREADS.subject,
    prepare: tear,
    inStore: (store) => append(store, THREADS.subject, "again"),
    leaves: TAIL,
  },
  {
    id: "repair",
    title: "a repair of a torn tail and an unfinished fork",
    threadId: THREADS.subject,
    prepare: async (home) => {
      await tear(home);
      const left = join(dirname(await pathOf(home, THREADS.subject)), `rollout-x.jsonl.1-0.fork-tmp`);
      writeFileSync(left, HALF_A_LINE);
      utimesSync(left, 1_700_000_000, 1_700_000_000);
    },
    onHome: async (home) => {
      for await (const { isDone, failure } of repairHome({ home })) {
        // A repair tells what it could not do file by file, in words.
        if (!isDone) throw fault("io_error", failure ?? "not repaired");
      }
    },
    codes: ["io_error"],
    leaves: [...TAIL, "leftover_fork"],
  },
];

const onRows: readonly FaultOperation[] = [
  {
    id: "fill",
    title: "the first filling of the rows",
    threadId: null,
    prepare: async (home) => removeRows(home),
    onHome: async (home) => (await openStateDb({ home, workers: 1 })).close(),
    leaves: [],
  },
  {
    id: "rebuild",
    title: "a rebuild of the rows and its swap",
    threadId: null,
    onHome: async (home) => {
      await rebuildStateDb({ home, workers: 1 });
    },
    leaves: [],
  },
  {
    id: "migrate",
    title: "a step of the schema",
    threadId: null,
    onHome: async (home) => (await openWithNextSchema(home)).close(),
    settle: async (home) => {
      const { db, close, setAside } = await openWithNextSchema(home);
      if (setAside !== null) throw new Error(`a migration that was cut short spoilt the file: ${setAside.why}`);
      db.exec("DROP TABLE next_schema");
      db.pragma("user_version = 1");
      close();
    },
    leaves: [],
  },
];

/** All of them. */
export const OPERATIONS: readonly FaultOperation[] = Object.freeze([...onLogs, ...onRows]);

/** The operation of this id. */
export function requireOperation(id: string): FaultOperation {
  const found = OPERATIONS.find((operation) => operation.id === id);
  if (found === undefined) throw new Error(`there is no operation ${id}`);
  return found;
}

/** Takes the state DB away, as anybody may at any time. */
export function removeRows(home: string): void {
  for (const end of ["", "-wal", "-shm", "-journal"]) rmSync(join(home, STATE_DB_FILE_NAME + end), { force: true });
}

/** Does an operation in a store of its own; with the rows where it is about threads. */
export async function runOperation(operation: FaultOperation, home: string): Promise<void> {
  const { inStore, onHome } = operation;
  if (inStore === undefined) {
    await onHome?.(home);
    return;
  }
  const stateDb = await openStateDbWith({ home }, createInlinePool());
  try {
    const store = await openLocalThreadStore({ home, stateDb });
    try {
      await inStore(store);
    } finally {
      await store.close();
    }
  } finally {
    await stateDb.close();
  }
}

/** The states that the operation's thread may be in when it was cut short. */
export function allowedStates(
  operation: FaultOperation,
  before: HomeFacts,
  after: HomeFacts,
): readonly (ThreadFacts | undefined)[] {
  const id = operation.threadId ?? "";
  const [first, last] = [before.get(id), after.get(id)];
  return [first, last, ...(operation.between?.(first, last) ?? [])];
}
