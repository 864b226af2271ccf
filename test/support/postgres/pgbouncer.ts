/**
 * A real PgBouncer before a test's server: the program that SKEIN_PGBOUNCER names, or the machine's. It is never
 * installed: where there is none, tests of poolers are skipped with the reason. It goes with the process that started it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { Client } from "pg";

import { runProgram } from "../../conformance/run-program.ts";
import { serverUser } from "./postgres-programs.ts";
import { freePort } from "./postgres-server.ts";

/** The program, or why there is none. */
export type PgBouncerFound =
  | { readonly program: string; readonly skipped: null }
  | { readonly program: ""; readonly skipped: string };

/** One that runs. */
export interface PgBouncer {
  /** Of the database `postgres`, through it. */
  readonly url: string;
  /** Sets these beside, or in place of, what it was started with. It has them when this resolves. */
  configure(settings: Readonly<Record<string, string>>): Promise<void>;
  /** Ends it, and all connections through it. */
  stop(): Promise<void>;
}

/** What it stands before, and how it is set. */
export interface StartPgBouncerOptions {
  readonly program: string;
  /** The server's. */
  readonly port: number;
  readonly settings: Readonly<Record<string, string>>;
}

const VERSION_MS_MAX = 10_000;
const READY_MS_MAX = 10_000;
const STEP_MS = 15;
/** `cat` ends with the pipe, when its maker closes it or is gone. */
const GUARD = '"$1" -q "$2" & pid=$!; cat >/dev/null; kill -INT $pid; kill -TERM $pid 2>/dev/null; wait $pid';

/** Finds it. */
export async function findPgBouncer(): Promise<PgBouncerFound> {
  const wished = process.env["SKEIN_PGBOUNCER"] ?? "";
  for (const program of wished === "" ? ["pgbouncer", "/usr/sbin/pgbouncer"] : [wished]) {
    const said = await runProgram(program, ["--version"], { timeoutMs: VERSION_MS_MAX });
    if (!said.failed) return { program, skipped: null };
  }
  const skipped = wished === "" ? "no PgBouncer on this machine" : `SKEIN_PGBOUNCER=${wished} doesn't start`;
  return { program: "", skipped };
}

/** Starts one. */
export async function startPgBouncer({ program, port, settings }: StartPgBouncerOptions): Promise<PgBouncer> {
  const folder = await mkdtemp(join(tmpdir(), "skein-pgbouncer-"));
  await chmod(folder, 0o777);
  const own = await freePort();
  const file = join(folder, "settings");
  const lines: Record<string, string> = {
    admin_users: "app",
    listen_addr: "127.0.0.1",
    listen_port: String(own),
    unix_socket_dir: "",
    auth_type: "trust",
    auth_file: join(folder, "users"),
    logfile: join(folder, "log"),
    server_login_retry: "1",
    ...settings,
  };
  const write = async (): Promise<void> => {
    const text = Object.entries(lines).map(([name, value]) => `${name} = ${value}\n`);
    await writeFile(file, `[databases]\n* = host=127.0.0.1 port=${port} user=app\n[pgbouncer]\n${text.join("")}`);
  };
  await writeFile(join(folder, "users"), '"app" ""\n');
  await write();
  const child = spawn("sh", ["-c", GUARD, "skein-pgbouncer-guard", program, file], {
    stdio: ["pipe", "ignore", "ignore"],
    cwd: "/",
    ...(await serverUser()),
  });
  child.stdin.on("error", () => {});
  const stop = async (): Promise<void> => {
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
    await rm(folder, { recursive: true, force: true });
  };
  const end = performance.now() + READY_MS_MAX;
  while (!(await isListening(own))) {
    if (performance.now() < end) await delay(STEP_MS);
    else {
      const log = await readFile(join(folder, "log"), "utf8").catch(() => "");
      await stop();
      throw new Error(`PgBouncer doesn't listen after ${READY_MS_MAX} ms: ${log}`);
    }
  }
  const place = `postgres://app@127.0.0.1:${own}`;
  const configure = async (changed: Readonly<Record<string, string>>): Promise<void> => {
    Object.assign(lines, changed);
    await write();
    const admin = new Client({ connectionString: `${place}/pgbouncer` });
    await admin.connect();
    await admin.query("RELOAD");
    await admin.end();
  };
  return { url: `${place}/postgres`, configure, stop };
}

async function isListening(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
