/**
 * The git state of a folder, as new threads record it: commit, branch, and where it came from. Read from the files
 * of the repository; no program is started, so a folder costs a few small reads. What can't be read is unknown, and
 * never keeps a thread from starting.
 */
import { readFile, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import type { GitFields } from "../store/index.ts";

/** Bytes of one file that are looked at: packed refs of a large repository fit. */
const FILE_BYTES_MAX = 16 * 1024 * 1024;
const SHA = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/;

/** The state of the repository that the folder is in; null where it is in none. */
export async function readGitState(folder: string): Promise<GitFields | null> {
  const gitFolder = await findGitFolder(folder);
  if (gitFolder === null) return null;
  const head = (await readText(join(gitFolder, "HEAD")))?.trim();
  if (head === undefined) return null;
  // A work tree beside the first one shares refs and configuration with it.
  const shared = resolve(gitFolder, (await readText(join(gitFolder, "commondir")))?.trim() ?? "");
  const originUrl = originOf((await readText(join(shared, "config"))) ?? "");
  const ref = /^ref: (\S+)$/.exec(head)?.[1];
  if (ref === undefined) return { sha: shaOf(head), branch: null, originUrl };
  const sha = shaOf(await readText(join(gitFolder, ref))) ?? shaOf(await readText(join(shared, ref)));
  return {
    sha: sha ?? packedSha((await readText(join(shared, "packed-refs"))) ?? "", ref),
    branch: /^refs\/heads\/(.+)$/.exec(ref)?.[1] ?? null,
    originUrl,
  };
}

/** `.git` of the folder or of the nearest one above; in a linked work tree it is a file that says where. */
async function findGitFolder(folder: string): Promise<string | null> {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const git = join(at, ".git");
    if ((await readText(join(git, "HEAD"))) !== null) return git;
    const elsewhere = /^gitdir: (.+)$/m.exec((await readText(git)) ?? "")?.[1];
    if (elsewhere !== undefined) return resolve(at, elsewhere.trim());
    if (dirname(at) === at) return null;
  }
}

function shaOf(text: string | null): string | null {
  const sha = text?.trim() ?? "";
  return SHA.test(sha) ? sha : null;
}

/** Lines are `sha ref`. */
function packedSha(packed: string, ref: string): string | null {
  const line = packed.split("\n").find((candidate) => candidate.trimEnd().endsWith(` ${ref}`));
  return shaOf(line?.split(" ")[0] ?? null);
}

/** `url` in the section `[remote "origin"]`. */
function originOf(config: string): string | null {
  let isOrigin = false;
  for (const line of config.split("\n")) {
    if (/^\s*\[/.test(line)) isOrigin = /^\s*\[remote "origin"\]/.test(line);
    const url = isOrigin ? /^\s*url\s*=\s*(\S.*)$/.exec(line)?.[1] : undefined;
    if (url !== undefined) return url.trim();
  }
  return null;
}

/** A small file's text; null where there is none that can be read, or it is no small file. */
async function readText(path: string): Promise<string | null> {
  try {
    // Looked at before it is opened: opening what is no file may wait for ever.
    const found = await stat(path);
    return found.isFile() && found.size <= FILE_BYTES_MAX ? await readFile(path, "utf8") : null;
  } catch {
    // Missing, a folder, or not ours to read: git state is a courtesy, and unknown then.
    return null;
  }
}
