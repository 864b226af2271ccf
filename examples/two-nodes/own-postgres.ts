/**
 * Starts the machine's own PostgreSQL with its data in the temporary folder, for an example: the newest one in the
 * usual folders, or the one whose programs PGBIN names. It does not run as root: started by root, it is `postgres`.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A server that ends with the example. */
export interface OwnPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts it. Throws, with what to do, where there is none. */
export async function startOwnPostgres(): Promise<OwnPostgres> {
  const programs = findPrograms();
  const folder = mkdtempSync(join(tmpdir(), "skein-example-"));
  const user = process.getuid?.() === 0 ? serverUser() : undefined;
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  const data = join(folder, "data");
  const settings = { cwd: folder, ...user, env: { PATH: process.env["PATH"], LC_ALL: "C" } };
  const made = spawnSync(join(programs, "initdb"), ["-D", data, "-U", "app", "-A", "trust", "-E", "UTF8"], settings);
  if (made.status !== 0) throw new Error(`initdb failed: ${String(made.stderr)}`);

  const port = await freePort();
  const options = { listen_addresses: "127.0.0.1", port: String(port), unix_socket_directories: "" };
  const flags = Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const server = spawn(join(programs, "postgres"), ["-D", data, ...flags], {
    ...settings,
    stdio: ["ignore", "ignore", "pipe"],
  });
  // Whatever ends the example: nothing of it stays.
  process.once("exit", () => {
    if (server.exitCode === null) server.kill("SIGQUIT");
    rmSync(folder, { recursive: true, force: true });
  });
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
  return { url: `postgres://app@127.0.0.1:${port}/postgres`, stop };
}

function findPrograms(): string {
  const packaged = ["/usr/lib/postgresql", "/opt/homebrew/opt", "/usr/local/opt"].flatMap((root) => {
    if (!existsSync(root)) return [];
    const versions = readdirSync(root).filter((name) => /^(postgresql@)?\d+$/.test(name));
    return versions
      .sort((a, b) => Number(b.replace(/\D/g, "")) - Number(a.replace(/\D/g, "")))
      .map((name) => join(root, name, "bin"));
  });
  const folders = [process.env["PGBIN"] ?? "", ...packaged, ...(process.env["PATH"] ?? "").split(":")];
  const found = folders.find((folder) => folder !== "" && existsSync(join(folder, "initdb")));
  if (found !== undefined) return found;
  throw new Error("no PostgreSQL on this machine: install it, or name a database in DATABASE_URL");
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
