/**
 * Threads named by the path of their rollout. A relative path is relative to the home. What can't be resolved is
 * refused in the peer's words; stores without files refuse every path (`unsupported`).
 */
import { realpath } from "node:fs/promises";
import { resolve } from "node:path";

import { isSkeinError, rejection, systemCode } from "../base/index.ts";
import type { StoredThread } from "../store/index.ts";
import { RPC_CODES } from "./protocol/index.ts";
import { invalidRequest, RpcError } from "./rpc-error.ts";
import type { ServerContext } from "./server-context.ts";

const REASONS: Readonly<Record<string, string>> = Object.freeze({
  ENOENT: "No such file or directory (os error 2)",
  ENOTDIR: "Not a directory (os error 20)",
  EACCES: "Permission denied (os error 13)",
  ELOOP: "Too many levels of symbolic links (os error 40)",
  ENAMETOOLONG: "File name too long (os error 36)",
});

/** The absolute path of a file that is there. */
export async function requireRolloutPath({ settings, threads }: ServerContext, path: string): Promise<string> {
  if (!threads.kept.store.capabilities.paths) {
    const message = `the ${threads.kept.store.kind} store keeps threads without files: name the thread by its id`;
    throw rejection("unsupported", message, { path });
  }
  const asked = resolve(settings.home ?? settings.cwd, path);
  try {
    await realpath(asked);
    return asked;
  } catch (error) {
    const code = systemCode(error) ?? "";
    const reason = REASONS[code] ?? (error instanceof Error ? error.message : String(error));
    throw invalidRequest(`failed to resolve rollout path \`${asked}\`: ${reason}`);
  }
}

/** Whose rollout it is. */
export async function threadIdOfPath(server: ServerContext, path: string): Promise<string> {
  return (await readThreadOfPath(server, path, "failed to read thread")).id;
}

/** The thread in this rollout. What can't be read is refused with `failure` first. */
export async function readThreadOfPath(server: ServerContext, path: string, failure: string): Promise<StoredThread> {
  const rolloutPath = await requireRolloutPath(server, path);
  try {
    return await server.threads.kept.store.readThreadByRolloutPath({ rolloutPath });
  } catch (error) {
    if (!isSkeinError(error) || error.code === "unsupported") throw error;
    const reason = /EISDIR|it is not a file/.test(error.message) ? "Is a directory (os error 21)" : error.message;
    const message = `${failure}: thread-store internal error: failed to read thread ${rolloutPath}: ${reason}`;
    throw new RpcError({ code: RPC_CODES.internalError, message, data: { skeinCode: error.code } });
  }
}
