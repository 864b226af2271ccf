/**
 * What a runtime is made of, as the embedder says it, and the one place where that is checked. Every
 * option has a default but the place where threads are kept: `home` or `store`, exactly one of them.
 */
import { z } from "zod";

import type { Agent } from "../actors/index.ts";
import { type Clock, type IdSource, type Logger, rejection } from "../base/index.ts";
import type { StateDb } from "../projections/index.ts";
import type { ThreadStore } from "../store/index.ts";

/** What `openRuntime` takes. */
export interface RuntimeOptions {
  /** Folder of a local store: Skein's own or a Codex home. Made when the first thread is kept. */
  readonly home?: string;
  /**
   * Any store instead of a home; then the runtime itself writes nothing to any disk. Who made the store
   * closes it: `close()` of the runtime only lets go of its threads.
   */
  readonly store?: ThreadStore;
  /**
   * The home's state DB: lists, search, turn pages and resume then cost what is asked for, and each thread has
   * one writer among all processes. `true`: the runtime opens one (filling its rows first, where that is due)
   * and closes it; or one that was opened before, which stays its opener's. Default: none, all is read from files.
   */
  readonly stateDb?: StateDb | true;
  /** Who answers. Default `echoAgent()`: offline and deterministic. */
  readonly agent?: Agent;
  /** What an acknowledgement means in a home: survives a power cut (`fsync`, default) or a killed process (`os`). */
  readonly durability?: "fsync" | "os";
  /** Working folder of new threads that name none. Default: the process's. */
  readonly cwd?: string;
  /** Model of turns that name none. Default: the agent's own. */
  readonly model?: string;
  /** Recorded as who made new threads. Default "skein". */
  readonly originator?: string;
  /** Milliseconds an idle thread without subscribers stays loaded; null for ever. Default 30 minutes. */
  readonly idleUnloadMs?: number | null;
  /** Where log lines go. Default: nowhere. See `createPinoLogger`. */
  readonly logger?: Logger;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: random UUIDs of version 7. */
  readonly ids?: IdSource;
}

/** The longest delay that timers take; a longer one would fire at once. */
const TIMER_MS_MAX = 2 ** 31 - 1;

const text = z.string().refine((value) => value.trim() !== "", "must not be blank");

/** An object that has these methods: a port is checked by its shape, never by its class. */
function port(...methods: readonly string[]): z.ZodType<object> {
  return z.custom<object>(
    (value) => {
      if (typeof value !== "object" || value === null) return false;
      const shape = value as Readonly<Record<string, unknown>>;
      return methods.every((method) => typeof shape[method] === "function");
    },
    { error: `must be an object with ${methods.join(", ")}` },
  );
}

const schema = z
  .strictObject({
    home: text.optional(),
    store: port("createThread", "appendItems", "loadHistory", "close").optional(),
    stateDb: z.union([z.literal(true), port("refresh", "list", "search", "follow", "close")]).optional(),
    agent: port("run").optional(),
    durability: z.enum(["fsync", "os"]).optional(),
    cwd: text.optional(),
    model: text.optional(),
    originator: text.optional(),
    idleUnloadMs: z.number().min(0).max(TIMER_MS_MAX).nullable().optional(),
    logger: port("debug", "info", "warn", "error").optional(),
    clock: port("nowMs", "monotonicMs", "setTimer").optional(),
    ids: port("next").optional(),
  })
  .refine(({ home, store }) => (home === undefined) !== (store === undefined), {
    error: "exactly one of `home` and `store` is needed",
  })
  .refine(({ store, durability }) => store === undefined || durability === undefined, {
    error: "`durability` is for a home; a store has its own",
    path: ["durability"],
  })
  .refine(({ store, stateDb }) => store === undefined || stateDb === undefined, {
    error: "`stateDb` is for a home; a store is given its own",
    path: ["stateDb"],
  });

/** Refuses options that can't work, with `invalid_argument` that names each. */
export function checkRuntimeOptions(options: RuntimeOptions): void {
  const checked = schema.safeParse(options);
  if (checked.success) return;
  const complaints = checked.error.issues.map((issue) => {
    const name = issue.path.join(".");
    return name === "" ? issue.message : `${name}: ${issue.message}`;
  });
  throw rejection("invalid_argument", `openRuntime: ${complaints.join("; ")}`);
}
