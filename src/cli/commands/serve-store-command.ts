/**
 * `skein serve-store`: the home's threads, or those of the store that --store names, as a gRPC service for
 * RemoteThreadStores and commands with `--store remote:URL`. It serves until it is told to stop, lets calls under way
 * end, and closes what it opened. A second Ctrl-C ends it at once.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";

import { faultFromSystem, isSkeinError, rejection, SkeinError } from "../../base/index.ts";
import { durabilityOfStore, type ThreadStore } from "../../store/index.ts";
import { type ServedThreadStore, serveThreadStore } from "../../store/remote/index.ts";
import { type CliContext, note } from "../cli-context.ts";
import { commandName } from "../command-name.ts";
import { EXIT, type ExitCode } from "../exit-codes.ts";
import { toDurabilityText } from "../format/durability-text.ts";
import { makeHome } from "../make-home.ts";
import { withHome } from "../open-home.ts";
import { toJsonLine } from "../output.ts";
import { shellWord } from "../shell-word.ts";
import { listenForStop } from "../stop-signal.ts";

interface ServeStoreOptions {
  readonly listen?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly nodeId?: string;
}

const LISTEN = "127.0.0.1:4600";
/** Milliseconds that a connection may take to end when all is closed. */
const LEAVE_MS = 6_000;

/** Serves until it is told to stop. */
export async function runServeStore(context: CliContext, options: ServeStoreOptions): Promise<ExitCode> {
  const tls = await readTls(context, options);
  const stop = listenForStop(context);
  try {
    if (context.store === undefined) await makeHome(context.home);
    const node = options.nodeId === undefined ? {} : { id: options.nodeId };
    const serve = async (store: ThreadStore): Promise<ExitCode> => {
      const server = await listen(context, store, { place: options.listen ?? LISTEN, tls });
      try {
        await introduce(context, store, server.url);
        await stop.asked;
        await note(context, "stopping: calls under way end, clients' writers are let go");
      } finally {
        await server.close();
      }
      return EXIT.ok;
    };
    return await withHome(context, serve, { changesThreads: true, node });
  } finally {
    stop.release();
    context.endWithin(LEAVE_MS);
  }
}

type Tls = { readonly cert: string; readonly key: string } | undefined;

async function readTls({ cwd }: CliContext, { tlsCert, tlsKey }: ServeStoreOptions): Promise<Tls> {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw rejection("invalid_argument", "--tls-cert and --tls-key are given together");
  }
  return { cert: await readPem(resolve(cwd, tlsCert)), key: await readPem(resolve(cwd, tlsKey)) };
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    throw faultFromSystem(error, `read ${path}`, { path });
  }
}

interface Place {
  readonly place: string;
  readonly tls: Tls;
}

async function listen(context: CliContext, store: ThreadStore, { place, tls }: Place): Promise<ServedThreadStore> {
  const { clock, logger } = context;
  const token = tokenOf(context);
  try {
    return await serveThreadStore({
      store,
      listen: place,
      clock,
      logger,
      ...(token === undefined ? {} : { token }),
      ...(tls === undefined ? {} : { tls }),
    });
  } catch (error) {
    throw explained(error, place, commandName(context));
  }
}

/** What clients must send; undefined: nothing. */
function tokenOf({ env }: CliContext): string | undefined {
  const token = env["SKEIN_TOKEN"];
  return token === "" ? undefined : token;
}

/** The error with what to do next. */
function explained(error: unknown, place: string, command: string): unknown {
  if (!isSkeinError(error)) return error;
  const nextStep = (step: string): unknown =>
    new SkeinError(error.code, error.message, {
      kind: error.kind,
      retryable: error.retryable,
      data: { ...error.data, nextStep: step },
      cause: error,
    });
  if (error.data["errno"] === "EADDRINUSE") {
    return nextStep(`another process listens at ${place}: ${command} serve-store --listen 127.0.0.1:4601`);
  }
  if (error.data["host"] !== undefined && error.code === "invalid_argument") {
    return nextStep("the environment variable SKEIN_TOKEN sets the token: SKEIN_TOKEN=$(openssl rand -hex 32)");
  }
  return error;
}

async function introduce(context: CliContext, store: ThreadStore, url: string): Promise<void> {
  const { out, json, home } = context;
  const durability = durabilityOfStore(store);
  if (json) {
    await out.write(`${toJsonLine({ listening: url, kind: store.kind, durability })}\n`);
    return;
  }
  const what = context.store === undefined ? home : `the ${store.kind} store`;
  await out.write(`${what} is served at ${url}\n`);
  await out.write(`durability: ${toDurabilityText(durability)}\n`);
  const hasToken = tokenOf(context) !== undefined;
  await out.write(
    hasToken
      ? "token:      needed; clients send it from SKEIN_STORE_TOKEN\n"
      : "token:      none is asked for; SKEIN_TOKEN sets what clients must send\n",
  );
  const token = hasToken ? "SKEIN_STORE_TOKEN=… " : "";
  await out.write(`elsewhere:  ${token}${commandName(context)} list --store ${shellWord(`remote:${url}`)}\n`);
}
