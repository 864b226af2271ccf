/**
 * The server's settings that say what an acknowledgement is worth, as each connection finds them. What can be set for a
 * session is held there: a server that is told to wait for less while it runs is waited for as before by those who
 * were promised more.
 */

import { fault } from "../../base/index.ts";

/** As a query brings them. */
export interface ServerSettings {
  readonly num: number;
  readonly version: string;
  readonly fsync: string;
  /** `synchronous_commit`. */
  readonly commit: string;
  readonly pages: string;
  readonly standbys: string;
  /** The database's `server_encoding`. */
  readonly encoding: string;
}

/** xid8 came with it. */
const VERSION_MIN = 130_000;

/** Throws `store_unusable` for a server that is too old. */
export function requireVersion({ num, version }: Pick<ServerSettings, "num" | "version">): void {
  if (num >= VERSION_MIN) return;
  throw fault(
    "store_unusable",
    `PostgreSQL 13 or later is needed, and this server is ${version}: name a newer one, or upgrade it`,
    { data: { serverVersion: version } },
  );
}

/** Each waits for more than the one before. */
const COMMITS = "ARRAY['off', 'local', 'remote_write', 'on', 'remote_apply']";

/** The least that a session may be held to: what the server has is held, whatever it is. */
export const COMMIT_LEAST = "off";

/** Columns of a query for them. */
export const SETTINGS_COLUMNS = `current_setting('server_version_num')::int AS num, current_setting('server_version') AS version,
  current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
  current_setting('full_page_writes') AS pages, current_setting('synchronous_standby_names') AS standbys,
  current_setting('server_encoding') AS encoding`;

/** Holds the session to the stronger of what the server has and what `$least` names. */
export function holdCommit(least: string): string {
  const rank = (name: string): string => `array_position(${COMMITS}, ${name})`;
  const current = "current_setting('synchronous_commit')";
  return `set_config('synchronous_commit', CASE WHEN ${rank(current)} < ${rank(`${least}::text`)} THEN ${least}::text
    ELSE ${current} END, false)`;
}
