/**
 * The connections of one store handle: a bounded pool for what is asked, and single ones for work that wants its own
 * (the group commit, the listener). Whatever an idle connection dies of is logged; it never ends the process. One that
 * gives no answer is cut off: behind a firewall that forgot it a connection is silent for ever.
 *
 * Each connection says when it is made which server it reaches. After a failover that is another timeline, and who
 * holds leases must know it before anything is written (`onServer`).
 */
import { Client, type ClientBase, type ClientConfig, Pool, type PoolClient, type QueryResultRow } from "pg";

import { type Clock, createIdSource, fault, type Logger, sleep, withinTime } from "../../base/index.ts";
import { AnswerWatch, cutOff } from "./answer-watch.ts";
import { MARK_COLUMN, requireMark, setMark } from "./kept-sessions.ts";
import { isCollision, isConnectionLoss, isFull, postgresFault } from "./postgres-fault.ts";
import { PoolerLook } from "./pooler-look.ts";
import type { PostgresSettings } from "./postgres-options.ts";
import { COMMIT_LEAST, holdCommit, requireVersion, type ServerSettings, SETTINGS_COLUMNS } from "./server-settings.ts";

/** A statement: its text, and the name it is prepared under where it is asked often. */
export interface Statement {
  readonly text: string;
  readonly name?: string;
}

/** Whatever runs statements: the pool, or one connection in a transaction. */
export interface Queryable {
  query<Row extends QueryResultRow>(statement: Statement, values?: readonly unknown[]): Promise<readonly Row[]>;
}

/** The server as a new connection finds it. */
export interface ServerState {
  /** Null where it can't be read: the server is a standby, or doesn't tell this user. */
  readonly timeline: number | null;
  readonly isStandby: boolean;
  /** What answers is not what was connected to: a pooler stands between. */
  readonly isPooled: boolean;
  /** Names the cluster; null where this user isn't told. */
  readonly clusterId: string | null;
  readonly settings: ServerSettings;
}

/** A query is tried again for this long after its connection was lost, milliseconds: a server that restarts or fails over is back by then. */
const RETRY_MS = 15_000;

const CONNECTIONS_MAX = 8;
const CONNECT_MS_MAX = 5_000;
const IDLE_MS = 10_000;
const STATEMENT_MS_MAX = 60_000;
/** When nothing came for so long, milliseconds, the server is asked whether it is still at it (answer-watch.ts). */
const ANSWER_MS_MAX = 8_000;
/** Longest wait for connections to end in order, milliseconds. */
const END_MS_MAX = 2_000;
const LOCK_MS_MAX = 15_000;
/** An open transaction holds back every feed of the cluster. */
const IDLE_IN_TRANSACTION_MS_MAX = 10_000;
/** Transactions that are in each other's way are tried again so often. */
const COLLISIONS_MAX = 5;
const RETRY_PAUSE_MS = 25;
const RETRY_PAUSE_MS_MAX = 500;

const HELLO = `SELECT set_config('statement_timeout', $1, false), set_config('lock_timeout', $2, false),
  set_config('idle_in_transaction_session_timeout', $3, false), set_config('TimeZone', 'UTC', false),
  ${holdCommit("$4")}, ${setMark("$5")}, pg_backend_pid() AS pid, pg_is_in_recovery() AS standby`;
const SETTINGS = `SELECT ${SETTINGS_COLUMNS}, ${MARK_COLUMN}`;
const TIMELINE = `SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int AS told`;
const CLUSTER = "SELECT system_identifier::text AS told FROM pg_control_system()";

export class PostgresDatabase implements Queryable {
  readonly #config: ClientConfig;
  readonly #pool: Pool;
  readonly #logger: Logger;
  readonly #timers: Clock;
  /** For marks of sessions. */
  readonly #ids = createIdSource();
  readonly #singles = new Set<Client>();
  readonly #pooled = new Set<ClientBase>();
  readonly #marks = new WeakMap<ClientBase, string>();
  readonly #watch: AnswerWatch;
  readonly #pooler: PoolerLook;
  readonly #closing = new AbortController();
  #onServer: (state: ServerState) => Promise<void> = async () => {};
  #commitLeast = COMMIT_LEAST;
  /** Behind a pooler a prepared statement may be another connection's. */
  #isPooled = false;

  constructor({ url, logger, timers, openSocket }: PostgresSettings) {
    this.#logger = logger;
    this.#timers = timers;
    this.#config = {
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS_MAX,
      keepAlive: true,
      application_name: "skein",
      ...(openSocket === undefined ? {} : { stream: openSocket }),
    };
    this.#watch = new AnswerWatch({ config: this.#config, timers, logger });
    this.#pooler = new PoolerLook({
      config: this.#config,
      watch: this.#watch,
      timers,
      logger,
      answerMs: CONNECT_MS_MAX,
    });
    this.#pool = new Pool({
      ...this.#config,
      max: CONNECTIONS_MAX,
      idleTimeoutMillis: IDLE_MS,
      allowExitOnIdle: true,
      verify: (client, done) => void this.#verify(client, done),
    });
    this.#pool.on("error", (error) => {
      this.#logger.debug({ error }, "an idle connection to PostgreSQL was lost");
    });
    this.#pool.on("connect", (client) => {
      this.#guard(client);
      this.#pooled.add(client);
    });
    this.#pool.on("remove", (client) => void this.#pooled.delete(client));
  }

  /** Told of the server by every new connection before it is used; rejects to refuse the connection. */
  set onServer(told: (state: ServerState) => Promise<void>) {
    this.#onServer = told;
  }

  /** Connections that are made from now on wait for so much with each commit, or for more where the server does. */
  set commitLeast(synchronousCommit: string) {
    this.#commitLeast = synchronousCommit;
  }

  /** One statement, whose doing twice is as good as once: tried again after a lost connection. */
  async query<Row extends QueryResultRow>(
    statement: Statement,
    values: readonly unknown[] = [],
  ): Promise<readonly Row[]> {
    return this.retrying(() => this.queryOnce<Row>(statement, values));
  }

  /** One statement, tried once, and waited for so long. */
  async queryOnce<Row extends QueryResultRow>(
    statement: Statement,
    values: readonly unknown[] = [],
    answerMs: number = ANSWER_MS_MAX,
  ): Promise<readonly Row[]> {
    const client = await this.#pool.connect();
    let isLost = true;
    try {
      const rows = await this.#watch.inTime(client, answerMs, () => this.run<Row>(client, statement, values));
      isLost = false;
      return rows;
    } catch (error) {
      isLost = isConnectionLoss(error);
      throw error;
    } finally {
      client.release(isLost);
    }
  }

  /** One statement on a connection of its caller's. */
  async run<Row extends QueryResultRow>(
    on: Pick<ClientBase, "query">,
    { text, name }: Statement,
    values: readonly unknown[],
  ): Promise<readonly Row[]> {
    const prepared = name === undefined || this.#isPooled ? {} : { name };
    return (await on.query<Row>({ text, ...prepared, values: [...values] })).rows;
  }

  /**
   * Runs work in one transaction on one connection, again where it collided with another one. It is not tried again
   * after its connection was lost: it may have been committed.
   */
  async transaction<Value>(work: (tx: Queryable) => Promise<Value>): Promise<Value> {
    const client = await this.retrying(() => this.#begin());
    let isLost = false;
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#transact(client, work);
        } catch (error) {
          isLost = isConnectionLoss(error);
          if (!isCollision(error) || tries >= COLLISIONS_MAX) throw error;
        }
        await this.#watch.inTime(client, ANSWER_MS_MAX, () => client.query("BEGIN"));
      }
    } finally {
      client.release(isLost);
    }
  }

  /** A connection with a transaction begun. Where that isn't answered nothing was done yet. */
  async #begin(): Promise<PoolClient> {
    const client = await this.#pool.connect();
    try {
      await this.#watch.inTime(client, ANSWER_MS_MAX, () => client.query("BEGIN"));
      return client;
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  async #transact<Value>(client: PoolClient, work: (tx: Queryable) => Promise<Value>): Promise<Value> {
    const inTime = <Answer>(ask: () => Promise<Answer>): Promise<Answer> =>
      this.#watch.inTime(client, ANSWER_MS_MAX, ask);
    const tx: Queryable = { query: (statement, values = []) => inTime(() => this.run(client, statement, values)) };
    try {
      const value = await work(tx);
      await inTime(() => client.query("COMMIT"));
      return value;
    } catch (error) {
      if (!isConnectionLoss(error)) await inTime(() => client.query("ROLLBACK"));
      throw error;
    }
  }

  /** A connection of its own, which the caller ends with `drop`. Told when it is lost, also where it never came to be. */
  async connect(onLost: (client: Client) => void): Promise<Client> {
    const client = new Client(this.#config);
    this.#singles.add(client);
    this.#guard(client);
    client.on("end", () => {
      this.#singles.delete(client);
      onLost(client);
    });
    try {
      await client.connect();
      await this.#greet(client);
      return client;
    } catch (error) {
      this.drop(client);
      throw error;
    }
  }

  /** Whether a statement of the connection found this mark in its own session; else a pooler mixes them by now. */
  isSessionOf(client: Client, mark: string | null): boolean {
    if (this.#marks.get(client) === mark) return true;
    this.#pooler.doubt();
    return false;
  }

  /** Ends a connection that gives no answer: it would wait for the goodbye of a silent other end. */
  cutOff(client: Client): void {
    this.drop(client);
    cutOff(client);
  }

  /** Ends a connection, in whatever it is doing. */
  drop(client: Client): void {
    this.#singles.delete(client);
    client.end().catch((error: unknown) => {
      this.#logger.debug({ error }, "a connection to PostgreSQL didn't end in order");
    });
  }

  /** Tries again what failed with its connection, until it works or RETRY_MS are over. */
  async retrying<Value>(work: () => Promise<Value>, retryMs: number = RETRY_MS): Promise<Value> {
    const untilMs = this.#timers.monotonicMs() + retryMs;
    for (let pauseMs = RETRY_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, RETRY_PAUSE_MS_MAX)) {
      this.#refuseClosed();
      try {
        return await work();
      } catch (error) {
        this.#refuseClosed();
        const isOver = this.#timers.monotonicMs() + pauseMs > untilMs;
        if (!isPassing(error) || isOver) throw error;
      }
      await this.pause(pauseMs);
    }
  }

  /** Waits; a close ends it with `runtime_closed`. */
  async pause(ms: number): Promise<void> {
    await sleep(this.#timers, ms, this.#closing.signal);
  }

  /** Ends every connection; those in the middle of something are cut off after a moment. Idempotent; never rejects. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(closed());
    for (const client of this.#singles) this.drop(client);
    const ended = this.#pool.end();
    if (await withinTime(ended, this.#timers, END_MS_MAX)) return;
    for (const client of this.#pooled) cutOff(client);
    await withinTime(ended, this.#timers, END_MS_MAX);
  }

  #refuseClosed(): void {
    if (this.#closing.signal.aborted) throw closed();
  }

  /** Greets for the pool, which drops a connection that can't be used. */
  async #verify(client: ClientBase, done: (error?: Error) => void): Promise<void> {
    try {
      await this.#greet(client);
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    done();
  }

  /** Sets the connection's bounds, and says which server it reaches. */
  async #greet(client: ClientBase): Promise<void> {
    const beganMs = this.#timers.monotonicMs();
    try {
      await this.#onServer(await this.#watch.inTime(client, CONNECT_MS_MAX, () => this.#meet(client)));
    } catch (error) {
      const isSilent = isConnectionLoss(error) && this.#timers.monotonicMs() - beganMs >= CONNECT_MS_MAX;
      throw isSilent ? unanswered(error) : error;
    }
  }

  async #meet(client: ClientBase): Promise<ServerState> {
    const timeouts = [STATEMENT_MS_MAX, LOCK_MS_MAX, IDLE_IN_TRANSACTION_MS_MAX].map((ms) => `${ms}ms`);
    const mark = this.#ids.next();
    this.#marks.set(client, mark);
    const values = [...timeouts, this.#commitLeast, mark];
    const hello = await client.query<{ pid: number; standby: boolean }>(HELLO, values);
    const [row] = hello.rows;
    if (row !== undefined) this.#watch.notePid(client, row.pid);
    const isStandby = row?.standby ?? false;
    const timeline = isStandby ? null : await this.#ask<number>(client, TIMELINE);
    const clusterId = await this.#ask<string>(client, CLUSTER);
    const { processID } = client as { processID?: unknown };
    const isPooled = typeof processID === "number" && row !== undefined && processID !== row.pid;
    this.#isPooled ||= isPooled;
    if (isPooled) await this.#pooler.look(client, mark);
    const { mark: found, ...settings } = await settingsOf(client);
    if (found !== mark) this.#pooler.doubt();
    requireMark(mark, found);
    requireVersion(settings);
    return { timeline, isStandby, isPooled, clusterId, settings };
  }

  /** What a user may not be told. */
  async #ask<Told>(client: ClientBase, text: string): Promise<Told | null> {
    try {
      return (await client.query<{ told: Told }>(text)).rows[0]?.told ?? null;
    } catch (error) {
      if (isConnectionLoss(error)) throw error;
      this.#logger.debug({ error, text }, "the server doesn't tell this user");
      return null;
    }
  }

  #guard(client: ClientBase): void {
    client.on("error", (error) => {
      this.#logger.debug({ error }, "a connection to PostgreSQL was lost");
    });
  }
}

/** What a session has, and the mark that it was given. */
interface FoundSettings extends ServerSettings, QueryResultRow {
  readonly mark: string | null;
}

async function settingsOf(client: ClientBase): Promise<FoundSettings> {
  const [settings] = (await client.query<FoundSettings>(SETTINGS)).rows;
  if (settings !== undefined) return settings;
  throw fault("store_unusable", "the server doesn't tell its settings: is it PostgreSQL?");
}

/** What may be over in a moment. */
function isPassing(error: unknown): boolean {
  return isConnectionLoss(error) || isCollision(error) || isFull(error);
}

/** A connection that came to be, and over which no answer comes. */
function unanswered(cause: unknown): Error {
  const text = `connection terminated: nothing was answered on it for ${CONNECT_MS_MAX} ms, as on a silent line, or by a pooler that has no session left (give it room for 11 of each node)`;
  return new Error(text, { cause });
}

function closed(): Error {
  return fault("runtime_closed", "the store is closed");
}

/** The server as the first connection finds it; who isn't there is waited for so long, milliseconds. */
export async function meetServer(database: PostgresDatabase, retryMs: number): Promise<ServerState> {
  const met: ServerState[] = [];
  database.onServer = async (state) => void met.push(state);
  await database.retrying(() => database.queryOnce({ text: "SELECT 1" }), retryMs);
  const newest = met.at(-1);
  if (newest === undefined) throw fault("connection_failed", "no PostgreSQL was met", { retryable: true });
  return newest;
}

/** Runs a call of the port: what fails in it is told in Skein's words. */
export async function attempt<Value>(attempted: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw postgresFault(error, attempted);
  }
}
