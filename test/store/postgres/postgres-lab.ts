/**
 * A schema for one test and the handles it opens there; all is closed and dropped when the test is done. Skips where
 * there is no server.
 */
import { Client } from "pg";
import { onTestFinished } from "vitest";

import {
  openPostgresThreadStore,
  type PostgresThreadStore,
  type PostgresThreadStoreOptions,
} from "../../../src/postgres/index.ts";
import { isSkeinError, type SkeinError } from "../../../src/base/index.ts";
import type { AppendableItem, RolloutRecord } from "../../../src/events/index.ts";
import type { ThreadStore, ThreadWriter } from "../../../src/store/index.ts";
import { testSchema } from "../../support/postgres/worker-postgres.ts";
import { postgres } from "./postgres-place.ts";

/** A place, and handles to it. */
export interface PostgresLab {
  readonly schema: string;
  /** A handle; takes that the test's server doesn't wait for the disk. */
  open(options?: Partial<PostgresThreadStoreOptions>): Promise<PostgresThreadStore>;
}

/** Makes a schema's place. */
export function postgresLab(url: string = postgres.url): PostgresLab {
  const { name: schema, drop } = testSchema(url);
  const open: PostgresThreadStore[] = [];
  onTestFinished(async () => {
    await Promise.all(open.map((store) => store.close()));
    await drop();
  });
  return {
    schema,
    async open(options = {}) {
      const store = await openPostgresThreadStore({ url, schema, allowUnsafe: true, ...options });
      open.push(store);
      return store;
    },
  };
}

/** A message of the user. */
export function message(text: string): AppendableItem {
  return { type: "event_msg", payload: { type: "user_message", message: text } };
}

/** A stored thread with messages. */
export async function seedThread(
  store: ThreadStore,
  texts: readonly string[] = ["first"],
): Promise<{ readonly threadId: string; readonly writer: ThreadWriter }> {
  const { writer } = await store.createThread({ metadata: { cwd: "/work" } });
  await store.persistThread(writer);
  if (texts.length > 0) await store.appendItems({ writer, items: texts.map(message) });
  return { threadId: writer.threadId, writer };
}

/** A thread's whole log. */
export async function readLog(store: ThreadStore, threadId: string): Promise<readonly RolloutRecord[]> {
  const records: RolloutRecord[] = [];
  for (;;) {
    const page = await store.loadHistory({ threadId, from: records.length });
    records.push(...page.records);
    if (page.isEnd) return records;
  }
}

/** The texts of its messages. */
export function textsOf(records: readonly RolloutRecord[]): readonly string[] {
  return records.flatMap(({ item }) =>
    item.type === "event_msg" && typeof item.payload["message"] === "string" ? [item.payload["message"]] : [],
  );
}

/** A transaction that is open until it is ended. */
export async function transaction(...statements: readonly string[]): Promise<() => Promise<void>> {
  const client = new Client({ connectionString: postgres.url });
  await client.connect();
  let ended: Promise<void> | undefined;
  const rollback = async (): Promise<void> => {
    await client.query("ROLLBACK");
    await client.end();
  };
  const end = (): Promise<void> => (ended ??= rollback());
  onTestFinished(end);
  await client.query("BEGIN");
  for (const text of statements) await client.query(text);
  return end;
}

/** The error of a call that is refused. */
export async function refusal(call: Promise<unknown>): Promise<SkeinError> {
  try {
    await call;
  } catch (error) {
    if (isSkeinError(error)) return error;
    throw error;
  }
  throw new Error("the call was answered");
}
