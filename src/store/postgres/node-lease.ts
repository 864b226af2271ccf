/**
 * The lease of one store handle: its row among the nodes, renewed by the server's clock. While it lasts nobody takes
 * this node's threads; when it was missed they may be taken, and those that weren't stay this node's.
 *
 * Invariants
 *   N1  A lease only says who may take a thread. Who may write one is the epoch on its row: a node that slept and
 *       doesn't know it is refused by that.
 *   N2  After its lease was missed a node is another incarnation. It takes along, in one statement, the threads
 *       that nobody has taken meanwhile.
 *       The first of a node is the server's time, so that none comes twice, though the row goes when the node is closed.
 *   N3  On another timeline (a failover) all leases are gone: what was acknowledged last may be, and epochs with it.
 *       Epochs there begin above all that the timeline before could have given.
 */
import { hostname } from "node:os";

import { createIdSource, type Logger, type Timer } from "../../base/index.ts";
import type { PostgresDatabase, ServerState } from "./postgres-database.ts";
import type { PostgresSettings } from "./postgres-options.ts";
import { inSchema } from "./schema.ts";
import { type ServerSettings, SETTINGS_COLUMNS } from "./server-settings.ts";

/** The server as a renewal finds it. */
export interface SeenServer extends ServerSettings {
  readonly [column: string]: unknown;
  /**
   * Which transactions are over. All their numbers are before the renewal's own, which is on the disk: none is given
   * again (`settledSnapshot`). It is asked of no table, so that one that somebody has locked holds up no lease.
   */
  readonly snapshot: string;
}

/** What a lease is made of. */
export interface NodeLeaseOptions {
  readonly database: PostgresDatabase;
  readonly settings: PostgresSettings;
  /** The threads this handle has writers of, with their epochs. */
  readonly held: () => readonly { readonly threadId: string; readonly epoch: number }[];
  /** The server is on another timeline, or another handle has this node's id: every writer ends. */
  readonly onLost: (why: string) => void;
  /** Each renewal that worked, with the server as it was then. */
  readonly onRenewed: (seen: SeenServer) => void;
}

/** Epochs of a timeline begin here, times its number before it. */
const EPOCHS_OF_A_TIMELINE = 2 ** 32;
/** Rows of nodes that are gone are kept so long, for messages. */
const GONE_NODES_KEPT = "1 day";
/** It is renewed so often in its time. */
const RENEWALS_OF_A_LEASE = 3;
/** A renewal that failed is tried again so often in it: a server that was away for a moment costs no thread. */
const RETRIES_OF_A_LEASE = 30;
/** Before a node is registered. */
const NONE = "0";
const SEEN_COLUMNS = `pg_current_snapshot()::text AS snapshot, ${SETTINGS_COLUMNS}`;

export class NodeLease {
  readonly #options: NodeLeaseOptions;
  readonly #logger: Logger;
  #nodeId: string;
  #incarnation = NONE;
  #timeline: number | null = null;
  readonly #owed = new Map<string, number>();
  #timer: Timer | null = null;
  #isClosed = false;
  #hasFailed = false;
  #renewing: Promise<void> | null = null;

  constructor(options: NodeLeaseOptions) {
    this.#options = options;
    this.#nodeId = options.settings.nodeId;
    this.#logger = options.settings.logger;
  }

  /** Another one after a handle with the same id was opened: that has the id now. */
  get nodeId(): string {
    return this.#nodeId;
  }

  /** This node's incarnation, as text. */
  get incarnation(): string {
    return this.#incarnation;
  }

  /** The least epoch on this timeline. */
  get epochMin(): number {
    return this.#timeline === null || this.#timeline <= 1 ? 1 : (this.#timeline - 1) * EPOCHS_OF_A_TIMELINE;
  }

  /** Looks at the server that a new connection reaches (N3). */
  noteServer({ timeline }: ServerState): void {
    if (timeline === null || timeline === this.#timeline) return;
    const before = this.#timeline;
    this.#timeline = timeline;
    if (before === null) return;
    this.#logger.warn({ before, timeline }, "PostgreSQL is on another timeline: all leases on threads are dropped");
    this.#options.onLost("the server failed over, and what was acknowledged last may be lost with it");
    // The row of this incarnation may be lost, and what it owned is let go.
    if (!this.#isClosed) void this.renew(true);
  }

  /** Registers the node and keeps its lease from now on. */
  async open(): Promise<void> {
    await this.#register();
    this.#schedule();
  }

  /** Renews now. `anew`: as another incarnation. Never rejects. */
  async renew(anew = false): Promise<void> {
    while (this.#renewing !== null) {
      await this.#renewing;
      if (!anew) return;
    }
    this.#renewing = this.#renewOnce(anew);
    try {
      await this.#renewing;
    } finally {
      this.#renewing = null;
    }
  }

  /** A thread that could not be given back is given back with the next renewal that works. */
  owe(threadId: string, epoch: number): void {
    this.#owed.set(threadId, epoch);
  }

  /** Gives up the lease, and with it every thread. Never rejects. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#renewing;
    const { database } = this.#options;
    try {
      await database.queryOnce(this.#sql("DELETE FROM {s}.node WHERE node_id = $1 AND incarnation = $2::bigint"), [
        this.#nodeId,
        this.#incarnation,
      ]);
    } catch (error) {
      this.#logger.warn({ error }, "a node left without saying so: its threads are free when its lease is over");
    }
  }

  #schedule(): void {
    if (this.#isClosed) return;
    const { timers, leaseTtlMs } = this.#options.settings;
    const times = this.#hasFailed ? RETRIES_OF_A_LEASE : RENEWALS_OF_A_LEASE;
    this.#timer = timers.setTimer(leaseTtlMs / times, () => {
      void this.renew().then(() => this.#schedule());
    });
  }

  async #renewOnce(anew: boolean): Promise<void> {
    const { database, settings, onRenewed } = this.#options;
    this.#hasFailed = false;
    const timeline = this.#timeline;
    try {
      const renewed = anew
        ? []
        : await database.queryOnce<SeenServer>(
            this.#sql(`UPDATE {s}.node SET alive_until = clock_timestamp() + $3 * interval '1 ms'
              WHERE node_id = $1 AND incarnation = $2::bigint AND alive_until > clock_timestamp()
              RETURNING ${SEEN_COLUMNS}`),
            [this.#nodeId, this.#incarnation, settings.leaseTtlMs],
            settings.leaseTtlMs / RENEWALS_OF_A_LEASE,
          );
      const [row] = renewed;
      if (row !== undefined) {
        // Where the server changed meanwhile, this is what the one before showed.
        if (timeline === this.#timeline) onRenewed(row);
        await this.#giveBack();
        return;
      }
      if (!this.#isClosed) await this.#register();
    } catch (error) {
      this.#hasFailed = true;
      this.#logger.warn({ error }, "a node's lease could not be renewed; it is tried again");
    }
  }

  /** A new incarnation, which takes along what the one before still had (N2). */
  async #register(): Promise<void> {
    const { database, settings, onLost, onRenewed } = this.#options;
    const [before, timeline] = [this.#incarnation, this.#timeline];
    const [row] = await database.query<SeenServer & { incarnation: string }>(
      this.#sql(`INSERT INTO {s}.node AS n (node_id, incarnation, alive_until, host, pid, url)
        VALUES ($1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, clock_timestamp() + $2 * interval '1 ms', $3, $4, $5)
        ON CONFLICT (node_id) DO UPDATE SET incarnation = greatest(n.incarnation + 1, excluded.incarnation), alive_until = excluded.alive_until,
          host = excluded.host, pid = excluded.pid, url = excluded.url
        WHERE $6::bigint IN (0, n.incarnation)
        RETURNING incarnation::text AS incarnation, ${SEEN_COLUMNS}`),
      [this.#nodeId, settings.leaseTtlMs, hostname(), process.pid, settings.nodeUrl, before],
    );
    if (row === undefined) {
      this.#logger.warn(
        { nodeId: this.#nodeId },
        "another store handle was opened as this node: it has the threads now",
      );
      onLost("another store handle was opened as this node");
      this.#nodeId = createIdSource().next();
      this.#incarnation = NONE;
      await this.#register();
      return;
    }
    this.#incarnation = row.incarnation;
    if (timeline === this.#timeline) onRenewed(row);
    if (before !== NONE) await this.#takeAlong(before);
    await database.query(
      this.#sql(`DELETE FROM {s}.node WHERE alive_until < clock_timestamp() - interval '${GONE_NODES_KEPT}'`),
    );
  }

  async #giveBack(): Promise<void> {
    if (this.#owed.size === 0) return;
    const owed = [...this.#owed];
    await this.#options.database.queryOnce(
      this.#sql(`UPDATE {s}.thread t SET owner_node = NULL, owner_incarnation = NULL, owned_since = NULL
        FROM unnest($2::uuid[], $3::bigint[]) AS h(thread_id, epoch)
        WHERE t.thread_id = h.thread_id AND t.epoch = h.epoch AND t.owner_node = $1`),
      [this.#nodeId, owed.map(([threadId]) => threadId), owed.map(([, epoch]) => epoch)],
    );
    for (const [threadId] of owed) this.#owed.delete(threadId);
  }

  async #takeAlong(before: string): Promise<void> {
    const { database, held } = this.#options;
    this.#logger.warn({ nodeId: this.#nodeId }, "a node missed its lease and took a new one");
    const threads = held();
    if (threads.length === 0) return;
    await database.query(
      this.#sql(`UPDATE {s}.thread t SET owner_incarnation = $3::bigint
        FROM unnest($4::uuid[], $5::bigint[]) AS h(thread_id, epoch)
        WHERE t.thread_id = h.thread_id AND t.epoch = h.epoch AND t.owner_node = $1 AND t.owner_incarnation = $2::bigint`),
      [
        this.#nodeId,
        before,
        this.#incarnation,
        threads.map(({ threadId }) => threadId),
        threads.map(({ epoch }) => epoch),
      ],
    );
  }

  #sql(text: string): { readonly text: string } {
    return { text: inSchema(text, this.#options.settings.schema) };
  }
}
