/**
 * The feed over all threads, page by page: lines and changes in the order of (xid, position), up to the oldest
 * transaction that still runs anywhere in the cluster.
 *
 * Who listens while he is there doesn't have to wait for that transaction: `readNews` tells what one look at the server
 * sees and the one before didn't.
 *
 * A cursor names the history it is of: the schema's generation, the cluster, its timeline. Of another history its
 * numbers say nothing (after a failover they may stand for other transactions), and who holds it has to sweep.
 */
import { decodeCursor, encodeCursor } from "../opaque-cursor.ts";
import type { Queryable } from "./postgres-database.ts";
import { sqlStateOf } from "./postgres-fault.ts";
import type { StatementName, Statements } from "./statements.ts";

/** A place in the feed. */
export interface FeedPlace {
  /** As text: it has 64 bits. */
  readonly xid: string;
  readonly position: number;
}

/** What the feed tells. */
export interface FeedEntry extends FeedPlace {
  readonly threadId: string;
  readonly appendId: string;
  readonly told:
    | { readonly type: "line"; readonly ordinal: number; readonly bytes: Uint8Array }
    | { readonly type: "change"; readonly kind: ChangeKind; readonly name: string | null };
}

/** What adds no line. */
export type ChangeKind = "archived" | "unarchived" | "deleted" | "named";

/** A page. */
export interface FeedPage {
  readonly entries: readonly FeedEntry[];
  readonly isEnd: boolean;
}

interface FeedRow {
  readonly [column: string]: unknown;
  readonly xid_text: string;
  readonly position: number;
  readonly thread_id: string;
  readonly ordinal: number | null;
  readonly append_id: string;
  readonly kind: ChangeKind | null;
  readonly name: string | null;
  readonly total: number;
  readonly text?: string;
  readonly body?: Buffer;
}

const PAGE_ROWS_MAX = 2_000;
const PAGE_BYTES_MAX = 4 * 1024 * 1024;

/** Before everything that is told, and behind what isn't (line-copier.ts). */
export const FEED_BEGIN: FeedPlace = Object.freeze({ xid: "0", position: Number.MAX_SAFE_INTEGER });

/** The page behind a place. */
export async function readFeed(source: Queryable, statements: Statements, behind: FeedPlace): Promise<FeedPage> {
  const values = [behind.xid, behind.position, PAGE_ROWS_MAX, PAGE_BYTES_MAX];
  return pageOf(await readRows(source, [statements.feedTexts, statements.feed], values));
}

function pageOf(rows: readonly FeedRow[]): FeedPage {
  const total = rows[0]?.total ?? 0;
  return { entries: rows.map(entryOf), isEnd: total < PAGE_ROWS_MAX && rows.length === total };
}

/** What is seen between two looks. */
export interface NewsWanted {
  /** As `readSnapshot` gave it (`settledSnapshot`): what was seen then isn't told. */
  readonly since: string;
  /** What wasn't seen then isn't told yet. */
  readonly until: string;
  /** Where the page before ended; FEED_BEFORE_ALL for the first. */
  readonly behind: FeedPlace;
}

/** Behind it is everything. */
export const FEED_BEFORE_ALL: FeedPlace = Object.freeze({ xid: "0", position: 0 });

/** What one look at the server shows, as the statement `snapshot` asks for it. */
export interface SeenSnapshot {
  readonly [column: string]: unknown;
  readonly snapshot: string;
  readonly newest_xid: string | null;
}

/**
 * A snapshot that goes no farther than the newest transaction that told something. The numbers behind that one may be
 * given again: a NOTIFY or a transaction that is rolled back takes one, and a server that dies forgets it unless
 * something behind it has reached the disk. Who took such a number for over would pass over what is written with it next.
 */
export function settledSnapshot({ snapshot, newest_xid: newest }: SeenSnapshot): string {
  const [xmin = "1", xmax = "1", underWay = ""] = snapshot.split(":");
  const end = BigInt(newest ?? "0") + 1n;
  if (BigInt(xmax) <= end) return snapshot;
  const rest = underWay.split(",").filter((xid) => xid !== "" && BigInt(xid) < end);
  return `${BigInt(xmin) < end ? xmin : end}:${end}:${rest.join(",")}`;
}

/** What the server shows at this moment: which transactions are over. */
export async function readSnapshot(source: Queryable, statements: Statements): Promise<string> {
  const [row] = await source.query<SeenSnapshot>(statements.snapshot);
  return row === undefined ? "1:1:" : settledSnapshot(row);
}

/** A page of what was committed between two looks, whatever else is under way. */
export async function readNews(source: Queryable, statements: Statements, wanted: NewsWanted): Promise<FeedPage> {
  const { since, until, behind } = wanted;
  const [, xmax = "1", underWay = ""] = since.split(":");
  // None had a number from xmax on.
  const unknown = BigInt(behind.xid) < BigInt(xmax) ? { xid: xmax, position: -1 } : behind;
  const parts = [`{${underWay}}`, unknown.xid, unknown.position, until];
  const values = [behind.xid, behind.position, PAGE_ROWS_MAX, PAGE_BYTES_MAX, ...parts];
  return pageOf(await readRows(source, [statements.newsTexts, statements.news], values));
}

/** The place behind everything that is committed and told by now; what commits later is behind it. */
export async function readFeedEnd(source: Queryable, statements: Statements): Promise<FeedPlace> {
  const [xmin = "0"] = (await readSnapshot(source, statements)).split(":");
  return { xid: xmin, position: 0 };
}

/** Whether something behind the place is committed and waits for an older transaction. */
export async function isHeldBack(source: Queryable, statements: Statements, behind: FeedPlace): Promise<boolean> {
  const values = [behind.xid, behind.position];
  const [row] = await source.query<{ is_held_back: boolean }>(statements.isHeldBack, values);
  return row?.is_held_back ?? false;
}

/** A place as followers keep it. */
export function writeFeedCursor({ xid, position }: FeedPlace, history: string): string {
  return encodeCursor({ h: history, x: xid, p: position });
}

/** The place of a cursor; null when it is of another history. `invalid_cursor`. */
export function readFeedCursor(cursor: string, history: string): FeedPlace | null {
  const { h, x, p } = decodeCursor(cursor);
  if (h !== history || typeof x !== "string" || !/^\d{1,20}$/.test(x) || typeof p !== "number") return null;
  return { xid: x, position: p };
}

async function readRows(
  source: Queryable,
  [asTexts, asBytes]: readonly [Statements[StatementName], Statements[StatementName]],
  values: readonly unknown[],
): Promise<readonly FeedRow[]> {
  try {
    return await source.query<FeedRow>(asTexts, values);
  } catch (error) {
    // A line that is no UTF-8: it comes as bytes, and with it the page.
    if (sqlStateOf(error)?.startsWith("22") !== true) throw error;
    return source.query<FeedRow>(asBytes, values);
  }
}

function entryOf(row: FeedRow): FeedEntry {
  const { xid_text: xid, position, thread_id: threadId, append_id: appendId, ordinal, kind, name } = row;
  const at = { xid, position, threadId, appendId };
  if (kind !== null || ordinal === null) return { ...at, told: { type: "change", kind: kind ?? "named", name } };
  return { ...at, told: { type: "line", ordinal, bytes: row.body ?? Buffer.from(row.text ?? "") } };
}
