/**
 * Stores that `--store` names in place of the home: one that is served (remote:http://HOST:PORT), and a database
 * (postgres://USER@HOST/DATABASE), with this node's rows in the home where there is one. Each is loaded only when it
 * is named.
 */
import { stat } from "node:fs/promises";
import { join } from "node:path";

import { isSkeinError, rejection } from "../base/index.ts";
import type { ThreadStore } from "../store/index.ts";
import { type CliContext, note } from "./cli-context.ts";
import { shellWord } from "./shell-word.ts";

/** The rows that a node keeps of a database's threads, in the home. */
const ROWS_FILE_NAME = "skein-postgres.sqlite";

/** Longest that a command waits for this node's rows while another process has them: those of `serve` are kept for long. */
const ROWS_WAIT_MS = 300;

/** Parameters of a database's url that nobody may see: the driver takes `password` from there, others have others. */
const SECRET_PARAMETER = /pass|secret|token/i;

/** How a command uses the store. */
export interface StoreUse {
  /** It serves: which node of a database it is, and where others reach it. */
  readonly node?: StoreNode;
}

/** A node of a database, as it was told to be one. */
export interface StoreNode {
  /** One that lasts, so that a node that is started again has its threads back at once. Default: a new one. */
  readonly id?: string;
  /** Where other nodes reach this one. */
  readonly url?: string;
}

/** Whether `--store` names a database. */
export function isDatabase(store: string | undefined): boolean {
  return store !== undefined && /^postgres(ql)?:\/\//.test(store);
}

/** Where a command looks for threads, in words for people: a database's password is not among them. */
export function storePlaceOf({ store, home }: CliContext): string {
  if (store === undefined) return home;
  const address = store.replace(/^remote:/, "");
  if (!URL.canParse(address)) return "the store that --store names";
  const { protocol, host, pathname } = new URL(address);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}

/** What a further command needs to find the store of this one. It is shown, so no password is in it. */
export interface StoreArgument {
  /** `--store` with the blank before it, to be pasted into a shell. Empty: the home. */
  readonly argument: string;
  /** What stands before the command, with the blank after it: the password that the url is shown without. */
  readonly environment: string;
}

/** How a further command is told the store. */
export function storeArgument({ store }: Pick<CliContext, "store">): StoreArgument {
  if (store === undefined) return { argument: "", environment: "" };
  // Only a database's url may have a password.
  if (!isDatabase(store)) return { argument: ` --store ${shellWord(store)}`, environment: "" };
  // The driver takes urls that are none, such as one without a host: what is secret in them can't be told apart.
  if (!URL.canParse(store)) return { argument: " --store postgres://…", environment: "" };
  const url = new URL(store);
  const secrets = [...url.searchParams.keys()].filter((name) => SECRET_PARAMETER.test(name));
  const hasPassword = url.password !== "" || secrets.includes("password");
  url.password = "";
  for (const name of secrets) url.searchParams.delete(name);
  return { argument: ` --store ${shellWord(url.href)}`, environment: hasPassword ? "PGPASSWORD=… " : "" };
}

/** Opens the store that `--store` names. `invalid_argument` for one that it can't name. */
export async function openNamedStore(context: CliContext, store: string, use: StoreUse = {}): Promise<ThreadStore> {
  if (isDatabase(store)) return openDatabase(context, store, use);
  const url = /^remote:(https?:\/\/.+)$/.exec(store)?.[1];
  if (url === undefined) {
    const message = "--store names remote:http://HOST:PORT, remote:https://HOST:PORT or postgres://USER@HOST/DATABASE";
    throw rejection("invalid_argument", message);
  }
  const { openRemoteThreadStore } = await import("../store/remote/index.ts");
  const { clock, logger, env } = context;
  const token = env["SKEIN_STORE_TOKEN"];
  return openRemoteThreadStore({
    url,
    clock,
    logger,
    clientName: `skein, process ${process.pid}`,
    ...(token === undefined || token === "" ? {} : { token }),
  });
}

/** Throws `unsupported` where `--store` is given to a command that works on the files of a home. */
export function refuseNamedStore({ store }: CliContext): void {
  if (store === undefined) return;
  throw rejection(
    "unsupported",
    "this works on the files of a home, and --store (or SKEIN_STORE) names a store that has none here: leave it out",
  );
}

async function openDatabase(context: CliContext, url: string, { node }: StoreUse): Promise<ThreadStore> {
  const { openPostgresThreadStore } = await import("../postgres/index.ts");
  const { home, clock, logger } = context;
  const own = node === undefined ? { stateDbWaitMs: ROWS_WAIT_MS } : { node };
  const open = (stateDb: string | null): Promise<ThreadStore> =>
    openPostgresThreadStore({ url, clock, logger, stateDb, ...own });
  if (!(await isFolder(home))) return open(null);
  try {
    return await open(join(home, ROWS_FILE_NAME));
  } catch (error) {
    // Rows may be thrown away, and another process may be at them: in memory they are made anew.
    if (!isSkeinError(error, "state_db_busy") && !isSkeinError(error, "state_db_unusable")) throw error;
    const why = error.code === "state_db_busy" ? "another process has them open" : error.message;
    await note(context, `the rows in ${home} can't be used (${why}); they are made anew in memory, from every thread`);
    return open(null);
  }
}

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    // Whatever is wrong with it: it holds no rows that could be used.
    return false;
  }
}
