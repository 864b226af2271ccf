/**
 * The rows of named leases: every statement that reads or changes one, each a single atomic step. What they
 * are for, and when to take one, is in sqlite-lease.ts.
 *
 * 1. A lease's token only grows: by one with every taking, also over releases and takeovers.
 * 2. A row is changed by who knows its present token, and by nobody else.
 */
import { fault } from "../base/index.ts";
import { fromOwnerColumns, OWNER_COLUMNS, OWNER_PARAMETERS, type OwnerColumns } from "./owner-columns.ts";
import type { OwnerProcess } from "./process-identity.ts";
import type { SqliteDatabase } from "./sqlite-connection.ts";

/** What a holder shows to be let write. */
export interface LeaseClaim {
  readonly name: string;
  readonly token: number;
}

/** Who holds a lease. */
export interface LeaseHolder extends OwnerProcess {
  readonly name: string;
  readonly token: number;
  /** Wall time of the taking, only shown. */
  readonly sinceMs: number;
  readonly heartbeat: number;
  /** How far it is, in its own words. */
  readonly progress: string | null;
}

/** A lease as it stands. A released one still has its token and who had it last. */
export interface LeaseState {
  readonly holder: LeaseHolder;
  readonly isReleased: boolean;
}

interface LeaseRow extends OwnerColumns {
  readonly name: string;
  readonly token: number;
  readonly started_at_ms: number;
  readonly heartbeat: number;
  readonly progress: string | null;
  readonly released: number;
}

const SELECT = `SELECT name, token, ${OWNER_COLUMNS}, started_at_ms, heartbeat, progress, released FROM leases`;
const TAKE =
  `REPLACE INTO leases (name, token, ${OWNER_COLUMNS}, started_at_ms, heartbeat, progress, released) ` +
  `VALUES (@name, @token, ${OWNER_PARAMETERS}, @nowMs, 0, NULL, 0)`;
const BEAT =
  "UPDATE leases SET heartbeat = heartbeat + 1, progress = coalesce(@progress, progress) " +
  "WHERE name = @name AND token = @token AND released = 0";

/** A lease as it stands, undefined if it was never taken. */
export function readLease(db: SqliteDatabase, name: string): LeaseState | undefined {
  const row = db.prepare<[string], LeaseRow>(`${SELECT} WHERE name = ?`).get(name);
  return row === undefined ? undefined : toState(row);
}

/** Everyone who holds a lease, for a report. */
export function listLeaseHolders(db: SqliteDatabase): readonly LeaseHolder[] {
  const rows = db.prepare<[], LeaseRow>(`${SELECT} WHERE released = 0 ORDER BY name`).all();
  return rows.map((row) => toState(row).holder);
}

/** Throws `lease_lost` unless the claim is the present one. Call it inside the transaction that writes. */
export function checkLeaseToken(db: SqliteDatabase, claim: LeaseClaim): void {
  const state = readLease(db, claim.name);
  if (state === undefined || state.isReleased || state.holder.token !== claim.token) throw leaseLost(claim, state);
}

/**
 * As `checkLeaseToken`, and beats: for who writes long and keeps the lock from the holder's own beats.
 * `progress` absent leaves it as it is.
 */
export function beatLease(db: SqliteDatabase, claim: LeaseClaim, progress: string | null = null): void {
  const { name, token } = claim;
  const { changes } = db.prepare(BEAT).run({ name, token, progress });
  if (changes !== 1) throw leaseLost(claim, readLease(db, name));
}

/** What a taking writes. */
export interface LeaseTaking {
  readonly name: string;
  readonly owner: OwnerColumns;
  readonly nowMs: number;
}

/**
 * Takes a lease that nobody holds, or whose holder was judged gone as it stood in `seen`. Gives the new
 * token, or who holds it when it has changed since.
 */
export function takeLease(
  db: SqliteDatabase,
  taking: LeaseTaking,
  seen: LeaseState | undefined,
): { readonly token: number } | { readonly holder: LeaseHolder } {
  const { name, owner, nowMs } = taking;
  const work = (): { readonly token: number } | { readonly holder: LeaseHolder } => {
    const now = readLease(db, name);
    if (now !== undefined && !now.isReleased && !isSameBeat(now, seen)) return { holder: now.holder };
    const token = (now?.holder.token ?? 0) + 1;
    db.prepare(TAKE).run({ ...owner, name, nowMs, token });
    return { token };
  };
  return db.transaction(work).immediate();
}

function isSameBeat(now: LeaseState, seen: LeaseState | undefined): boolean {
  return now.holder.token === seen?.holder.token && now.holder.heartbeat === seen.holder.heartbeat;
}

/** Gives a lease back; nothing happens where it is another's by now. */
export function releaseLease(db: SqliteDatabase, { name, token }: LeaseClaim): void {
  db.prepare("UPDATE leases SET released = 1, progress = NULL WHERE name = ? AND token = ?").run(name, token);
}

/** The fault of a holder that no longer is one. */
function leaseLost({ name, token }: LeaseClaim, now: LeaseState | undefined): unknown {
  const holder = now?.holder;
  const taken =
    holder === undefined ? "it is gone" : `process ${holder.pid} on ${holder.host} has it, token ${holder.token}`;
  const what = now?.isReleased === true ? "it was released" : taken;
  const message = `the lease "${name}" with token ${token} is no longer held: ${what}; nothing was written`;
  const data = {
    lease: name,
    token,
    tokenNow: holder?.token ?? null,
    ownerId: holder?.ownerId ?? null,
    host: holder?.host ?? null,
    pid: holder?.pid ?? null,
  };
  return fault("lease_lost", message, { data });
}

function toState(row: LeaseRow): LeaseState {
  const { name, token, heartbeat, progress } = row;
  const holder = { ...fromOwnerColumns(row), name, token, sinceMs: row.started_at_ms, heartbeat, progress };
  return { holder, isReleased: row.released === 1 };
}
