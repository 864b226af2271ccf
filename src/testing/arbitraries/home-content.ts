/**
 * A home as data: the files it holds, and what a reader must find in them. It prints as code that can be pasted
 * into a test, and `writeHome` puts it on a disk.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, isAbsolute, join } from "node:path";

import fc from "fast-check";

import { rejection } from "../../base/index.ts";

/** A thread that every reader of the home must find. */
export interface HomeThread {
  readonly id: string;
  /** Its file, relative to the home. */
  readonly path: string;
  readonly archived: boolean;
  /** What the session index names it last; null where it says nothing, or that the name was cleared. */
  readonly name: string | null;
  /** The thread it was copied from; null for one that is no fork. */
  readonly forkedFromId: string | null;
  /** Complete records of its log. */
  readonly records: number;
  /** Another file holds a log of the same id: a reader shows one of the two. */
  readonly hasCopy: boolean;
}

/** A file that holds no thread, or none that a reader must find. */
export interface OddFile {
  /** Relative to the home. */
  readonly path: string;
  readonly kind: OddFileKind;
}

/**
 * What is odd about a file. In a folder of rollouts and called like one: `empty`, `blank` lines, `garbage` bytes,
 * `foreign` JSON, `bom` in front of the session_meta, `utf16`, `headless` without a session_meta, `misnamed` after
 * another id. Else: `stray` among the rollouts, `leftover` of a fork that was never finished, `other` in the home.
 */
export type OddFileKind =
  | "empty"
  | "blank"
  | "garbage"
  | "foreign"
  | "bom"
  | "utf16"
  | "headless"
  | "misnamed"
  | "stray"
  | "leftover"
  | "other";

/** A home as data. */
export interface HomeContent {
  /** Bytes by path. Paths are relative to the home, with `/`. */
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly threads: readonly HomeThread[];
  readonly oddFiles: readonly OddFile[];
}

/** The same home, which fast-check prints as code: its bytes as latin1, a character a byte. */
export function printedHome(home: HomeContent): HomeContent {
  const print = (): string => {
    const files = Object.entries(home.files).map(
      ([path, bytes]) => `${JSON.stringify(path)}:Buffer.from(${latin1Literal(bytes)},"latin1")`,
    );
    const [threads, oddFiles] = [fc.stringify(home.threads), fc.stringify(home.oddFiles)];
    return `{files:{${files.join(",")}},threads:${threads},oddFiles:${oddFiles}}`;
  };
  return Object.defineProperty({ ...home }, fc.toStringMethod, { value: print });
}

function latin1Literal(bytes: Uint8Array): string {
  const text = JSON.stringify(Buffer.from(bytes).toString("latin1"));
  return text.replaceAll(/[\u007f-\u00a0]/g, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/**
 * Writes a home's files into a folder, which is made where it is missing; files that are there are replaced, others
 * stay. `invalid_argument` for a path that leads out of the folder; errors of the disk as they are.
 *
 * @example
 * ```ts
 * const folder = await mkdtemp(join(tmpdir(), "home-"));
 * await writeHome(home, folder);
 * const store = await openLocalThreadStore({ home: folder });
 * ```
 */
export async function writeHome(home: Pick<HomeContent, "files">, folder: string): Promise<void> {
  for (const path of Object.keys(home.files)) checkInside(path);
  await mkdir(folder, { recursive: true });
  for (const [path, bytes] of Object.entries(home.files)) {
    const target = join(folder, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, bytes);
  }
}

function checkInside(path: string): void {
  if (path !== "" && !isAbsolute(path) && !path.split(/[/\\]/).includes("..")) return;
  throw rejection("invalid_argument", `a home's file must stand in the home, not at ${JSON.stringify(path)}`, { path });
}
