/**
 * A real PostgreSQL server of the test's own: on a free port of the loopback, in a folder that goes with the process
 * that asked for it. It can be killed, stopped, paused and started again on what it has written. With
 * `fsync: true` it keeps what it acknowledged like one in earnest; ordinary tests do without.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

import { runProgram } from "../../conformance/run-program.ts";
import { type GuardedFolder, openGuardedFolder } from "./postgres-folder.ts";
import { findPostgres, type PostgresPrograms } from "./postgres-programs.ts";

/** What kind of server. */
export interface StartPostgresOptions {
  /** Default false: it does not wait for the disk, and a store must be told to take that. */
  readonly fsync?: boolean;
  /** Further settings, or others for those that every server here has. */
  readonly extra?: Readonly<Record<string, string>>;
  /** A data folder of a server that is stopped: the new one begins with a copy of it. Default: an empty one. */
  readonly copyOf?: string;
  /** Follows this server: with `copyOf` a data folder of it. Its name there is `standbyName`. */
  readonly standbyOf?: string;
  readonly standbyName?: string;
  /** Where it lies; the caller removes it. Default: a folder of its own, under guard. */
  readonly folder?: string;
}

/** A server that runs, or did. */
export interface PostgresServer {
  /** `postgres://app@127.0.0.1:PORT/postgres`; `app` is the superuser and needs no password. */
  readonly url: string;
  readonly port: number;
  readonly dataDir: string;
  /** As `postgres --version` says it. */
  readonly version: string;
  /** The postmaster's; undefined while it is down. */
  readonly pid: number | undefined;
  /** SIGKILL for the postmaster and everything it started, at once. Resolves when all are gone. */
  kill9(): Promise<void>;
  /** Starts it again on its data and its port. Resolves when it takes connections. */
  start(): Promise<void>;
  /** Stops it if it runs, then starts it. */
  restart(): Promise<void>;
  /** Ends it: with a checkpoint, or as at a crash. The data stay. */
  halt(mode: "fast" | "immediate"): Promise<void>;
  /** Sets what `extra` set, and makes the server read it again if it runs. Undefined: the default again. */
  configure(settings: Readonly<Record<string, string | undefined>>): Promise<void>;
  /** SIGSTOP and SIGCONT for all of its processes. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** The end of its log. */
  logTail(): Promise<string>;
  /** Ends it and removes what it wrote. */
  stop(): Promise<void>;
}

const READY_MS_MAX = 60_000;
const GONE_MS_MAX = 20_000;
const STEP_MS = 15;
const PORT_TRIES = 5;
const PROGRAM_MS_MAX = 120_000;
const LOG_TAIL_CHARS = 4_000;

/** Starts one. Rejects with the reason where there is no PostgreSQL. */
export async function startPostgres(options: StartPostgresOptions = {}): Promise<PostgresServer> {
  const { programs, skipped } = await findPostgres(() => {});
  if (programs === null) throw new Error(skipped);
  const guarded = options.folder === undefined ? await openGuardedFolder(programs.user) : undefined;
  const folder = options.folder ?? guarded?.path ?? "";
  try {
    const dataDir = join(folder, "data");
    await makeData(programs, dataDir, options);
    for (let tries = 1; ; tries += 1) {
      const server = new RunningServer({ programs, dataDir, guarded, port: await freePort(), options });
      try {
        await server.start();
        return server;
      } catch (error) {
        // Another process may have taken the port since it was looked for.
        if (tries === PORT_TRIES || !String(error).includes("Address already in use")) throw error;
      }
    }
  } catch (error) {
    await guarded?.close();
    throw error;
  }
}

/** A free port of the loopback, at this moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("a port of the loopback has no number");
  return address.port;
}

/** The environment of a server: nothing that the machine has set for another one. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
}

async function makeData(programs: PostgresPrograms, dataDir: string, options: StartPostgresOptions): Promise<void> {
  if (options.copyOf === undefined) {
    const kind = ["-U", "app", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"];
    await runAs(programs, [join(programs.folder, "initdb"), "-D", dataDir, ...kind]);
    return;
  }
  await runAs(programs, ["cp", "-R", "-p", options.copyOf, dataDir]);
  await rm(join(dataDir, "postmaster.pid"), { force: true });
  if (options.standbyOf !== undefined) await runAs(programs, ["touch", join(dataDir, "standby.signal")]);
}

async function runAs(programs: PostgresPrograms, [program = "", ...args]: readonly string[]): Promise<void> {
  const child = spawn(program, args, {
    cwd: "/",
    env: serverEnvironment(),
    stdio: ["ignore", "ignore", "pipe"],
    timeout: PROGRAM_MS_MAX,
    ...programs.user,
  });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-LOG_TAIL_CHARS)));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said}`);
}

interface ServerPlace {
  readonly programs: PostgresPrograms;
  readonly dataDir: string;
  readonly guarded: GuardedFolder | undefined;
  readonly port: number;
  readonly options: StartPostgresOptions;
}

function settingsOf({ port, options }: ServerPlace): Readonly<Record<string, string>> {
  return {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: "",
    fsync: options.fsync === true ? "on" : "off",
    max_connections: "200",
    shared_buffers: "32MB",
    ...(options.standbyOf === undefined ? {} : followSettings(options.standbyOf, options.standbyName ?? "standby")),
    ...options.extra,
  };
}

/** Settings with which a server follows another one. */
export function followSettings(url: string, name: string): Readonly<Record<string, string>> {
  const { hostname, port } = new URL(url);
  return { primary_conninfo: `host=${hostname} port=${port} user=app application_name=${name}` };
}

class RunningServer implements PostgresServer {
  readonly #place: ServerPlace;
  readonly #settings: Map<string, string>;
  #child: ChildProcess | undefined;

  constructor(place: ServerPlace) {
    this.#place = place;
    this.#settings = new Map(Object.entries(settingsOf(place)));
  }

  get url(): string {
    return `postgres://app@127.0.0.1:${this.port}/postgres`;
  }
  get port(): number {
    return this.#place.port;
  }
  get dataDir(): string {
    return this.#place.dataDir;
  }
  get version(): string {
    return this.#place.programs.version;
  }
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  async start(): Promise<void> {
    if (this.#child !== undefined) throw new Error("the server runs already");
    const { programs, dataDir } = this.#place;
    // A killed server leaves its pid file. Its pid may be another process's by now, and a server would not start then.
    await rm(join(dataDir, "postmaster.pid"), { force: true });
    await this.#writeSettings();
    const log = await open(this.#logPath, "w");
    try {
      const child = spawn(join(programs.folder, "postgres"), ["-D", dataDir], {
        cwd: "/",
        env: serverEnvironment(),
        // A group of its own: a Ctrl-C at the terminal is for the tests, which end it then.
        detached: true,
        stdio: ["ignore", log.fd, log.fd],
        ...programs.user,
      });
      child.unref();
      this.#child = child;
      const gone = once(child, "exit");
      void gone.then(() => {
        if (this.#child === child) this.#child = undefined;
      });
      await this.#waitReady(child);
    } finally {
      await log.close();
    }
  }

  async restart(): Promise<void> {
    await this.halt("fast");
    await this.start();
  }

  async halt(mode: "fast" | "immediate"): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    child.ref();
    const gone = once(child, "exit");
    child.kill(mode === "fast" ? "SIGINT" : "SIGQUIT");
    await gone;
    this.#child = undefined;
  }

  async kill9(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined) return;
    child.ref();
    const gone = once(child, "exit");
    const backends = await childrenOf(child.pid);
    child.kill("SIGKILL");
    for (const pid of backends) signal(pid, "SIGKILL");
    await gone;
    this.#child = undefined;
    // A backend that began meanwhile ends by itself when it misses the postmaster; until then it holds shared memory.
    await within(GONE_MS_MAX, "the killed server's processes are still there", async () => {
      const gone = await Promise.all(backends.map(isGone));
      return gone.every(Boolean);
    });
  }

  async configure(settings: Readonly<Record<string, string | undefined>>): Promise<void> {
    for (const [name, value] of Object.entries(settings)) {
      if (value === undefined) this.#settings.delete(name);
      else this.#settings.set(name, value);
    }
    await this.#writeSettings();
    this.#child?.kill("SIGHUP");
  }

  async pause(): Promise<void> {
    await this.#signalAll("SIGSTOP");
  }

  async resume(): Promise<void> {
    await this.#signalAll("SIGCONT");
  }

  async logTail(): Promise<string> {
    return (await readFile(this.#logPath, "utf8").catch(() => "")).slice(-LOG_TAIL_CHARS);
  }

  async stop(): Promise<void> {
    await this.halt("immediate");
    await this.#place.guarded?.close();
  }

  get #logPath(): string {
    return `${this.#place.dataDir}.log`;
  }

  async #writeSettings(): Promise<void> {
    const lines = [...this.#settings].map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`);
    const path = join(this.dataDir, "postgresql.auto.conf");
    await writeFile(path, lines.join(""));
  }

  /** The last line of its pid file says when it takes connections; a standby's says "standby" then. */
  async #waitReady(child: ChildProcess): Promise<void> {
    await within(READY_MS_MAX, "the server does not get ready", async () => {
      if (child.exitCode !== null || child.signalCode !== null || this.#child !== child) {
        throw new Error(`the server ended: ${await this.logTail()}`);
      }
      const text = await readFile(join(this.dataDir, "postmaster.pid"), "utf8").catch(() => "");
      const [pid, , , , , , , status] = text.split("\n");
      return Number(pid) === child.pid && /^(ready|standby)\b/.test(status ?? "");
    });
  }

  async #signalAll(name: "SIGSTOP" | "SIGCONT"): Promise<void> {
    const pid = this.#child?.pid;
    if (pid === undefined) return;
    signal(pid, name);
    for (const backend of await childrenOf(pid)) signal(backend, name);
  }
}

/** True if there was such a process. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

/** True also for one that is dead and that no one has waited for yet. */
async function isGone(pid: number): Promise<boolean> {
  if (!signal(pid, 0)) return true;
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /\) [ZX] /.test(stat);
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const listed = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(async () => {
    const { output, failed } = await runProgram("pgrep", ["-P", String(pid)], { timeoutMs: PROGRAM_MS_MAX });
    return failed ? "" : output;
  });
  return listed.split(/\s+/).filter(Boolean).map(Number);
}

/** Asks until it is so. A time past the bound is an error that says what was waited for. */
async function within(msMax: number, complaint: string, isSo: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + msMax;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${complaint} after ${msMax} ms`);
    await delay(STEP_MS);
  }
}

/** Makes a data folder once in a folder that several processes use; each server begins with a copy of it. */
export async function dataTemplate(programs: PostgresPrograms, folder: string): Promise<string> {
  const template = join(folder, "template");
  const isMade = async (): Promise<boolean> =>
    stat(template).then(
      () => true,
      () => false,
    );
  if (await isMade()) return template;
  const draft = join(folder, `template.${process.pid}`);
  await makeData(programs, draft, {});
  // Two at once make two; the first one that is done counts.
  await rename(draft, template).catch(async (error: unknown) => {
    if (!(await isMade())) throw error;
    await rm(draft, { recursive: true, force: true });
  });
  return template;
}
