/**
 * How commands get at the home, or at the store that is named in its place: the store itself for those that read or
 * change what is stored, a whole runtime for those that run threads. Both are closed again whatever happens, also when
 * the reader of a pipe leaves half-way.
 */
import { stat } from "node:fs/promises";

import { fault, systemCode } from "../base/index.ts";
import type { StateDb } from "../projections/index.ts";
import type { Runtime, RuntimeOptions } from "../runtime/index.ts";
import type { ThreadStore } from "../store/index.ts";
import type { CliContext } from "./cli-context.ts";
import { interruptible } from "./interrupt.ts";
import { openCommandStateDb, type StateDbUse } from "./open-state-db.ts";
import { openNamedStore, refuseNamedStore, type StoreNode, type StoreUse } from "./open-store.ts";

/** How a command uses the home. */
export interface HomeUse extends StateDbUse, StoreUse {
  /** The command listens to Ctrl-C itself. Default false. */
  readonly handlesInterrupt?: boolean;
}

/** Opens the home's store, does the work, closes it. */
export async function withHome<Result>(
  context: CliContext,
  work: (store: ThreadStore) => Promise<Result>,
  use: HomeUse = {},
): Promise<Result> {
  if (context.store !== undefined) return withNamedStore(context, use, work);
  await requireHome(context);
  const stateDb = await openCommandStateDb(context, use);
  try {
    const { openLocalThreadStore } = await import("../store/local/index.ts");
    const { home, clock, logger } = context;
    const store = await openLocalThreadStore({ home, clock, logger, ...(stateDb === undefined ? {} : { stateDb }) });
    try {
      const isEnding = stateDb !== undefined && use.changesThreads !== true && use.handlesInterrupt !== true;
      return isEnding ? await readUntilInterrupt(context, stateDb, () => work(store)) : await work(store);
    } finally {
      await store.close();
    }
  } finally {
    await stateDb?.close();
  }
}

/** Opens the store that is named in place of the home, does the work, closes it. */
async function withNamedStore<Result>(
  context: CliContext,
  use: StoreUse,
  work: (store: ThreadStore) => Promise<Result>,
): Promise<Result> {
  const store = await openNamedStore(context, context.store ?? "", use);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** As withHome, for a command that may write to threads: it goes past no other process that owns them. */
export async function withHomeToChange<Result>(
  context: CliContext,
  work: (store: ThreadStore) => Promise<Result>,
): Promise<Result> {
  return withHome(context, work, { changesThreads: true });
}

/** Ctrl-C ends a look at the files between two of them, by closing what looks. */
async function readUntilInterrupt<Result>(
  context: CliContext,
  stateDb: StateDb,
  work: () => Promise<Result>,
): Promise<Result> {
  return interruptible(context, "no thread was changed", (signal) => {
    // Who opened it closes it again, and hears then what went wrong.
    signal.addEventListener("abort", () => void Promise.allSettled([stateDb.close()]));
    return work();
  });
}

/** What a command's runtime is opened with. */
export interface CommandRuntimeOptions extends Pick<RuntimeOptions, "agent"> {
  /** The command may be the first one on its home. */
  readonly mayMakeHome?: boolean;
  /** Which node it is, where the store has nodes. */
  readonly node?: StoreNode;
}

/** Opens a runtime on the home, does the work, closes it. */
export async function withRuntime<Result>(
  context: CliContext,
  options: CommandRuntimeOptions,
  work: (runtime: Runtime) => Promise<Result>,
): Promise<Result> {
  const { mayMakeHome = false, node, ...own } = options;
  if (context.store !== undefined) {
    const { openRuntime } = await import("../runtime/index.ts");
    return withNamedStore(context, node === undefined ? {} : { node }, async (store) => {
      const { clock, logger, cwd } = context;
      const runtime = await openRuntime({ store, clock, logger, cwd, ...own });
      try {
        return await work(runtime);
      } finally {
        await runtime.close();
      }
    });
  }
  if (!mayMakeHome) await requireHome(context);
  const stateDb = await openCommandStateDb(context, { changesThreads: true });
  try {
    const { openRuntime } = await import("../runtime/index.ts");
    const { home, clock, logger, cwd } = context;
    const db = stateDb === undefined ? {} : { stateDb };
    const runtime = await openRuntime({ home, clock, logger, cwd, ...db, ...own });
    try {
      return await work(runtime);
    } finally {
      await runtime.close();
    }
  } finally {
    await stateDb?.close();
  }
}

/**
 * Refuses a home that was named and isn't there: that is a slip of the finger. The default home may
 * be missing, because nothing was kept yet.
 */
export async function requireHome(context: CliContext): Promise<void> {
  refuseNamedStore(context);
  const { home, isHomeGiven } = context;
  try {
    if ((await stat(home)).isDirectory()) return;
  } catch (error) {
    if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR") throw error;
    if (!isHomeGiven) return;
    throw fault("home_unusable", `there is no folder ${home}`, { data: { home }, cause: error });
  }
  throw fault("home_unusable", `${home} is no folder`, { data: { home } });
}
