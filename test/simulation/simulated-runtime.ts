/**
 * One process of a simulation, as a program has it: state DB, store, runtime and feeds over the shared home, on the
 * process's own clock and its view of the disk. It can end in order, or be killed, which closes what the kernel
 * would close and lets nothing else happen.
 */
import type Database from "better-sqlite3";

import { scriptedAgent } from "../../src/actors/index.ts";
import { createIdSource, type IdSource, type Logger } from "../../src/base/index.ts";
import { createInlinePool, type FoldPool, openStateDbWith, type StateDb } from "../../src/projections/index.ts";
import { openRuntime, type Runtime } from "../../src/runtime/index.ts";
import type { ThreadStore } from "../../src/store/index.ts";
import { type FileSystem, openLocalThreadStore } from "../../src/store/local/index.ts";
import type { ScheduledProcess, SeededRandom } from "../../src/testing/simulation/index.ts";
import type { ConnectionOwner } from "./driver-connections.ts";
import type { TurnWriter } from "./scripted-turns.ts";

/** What a process is started with. */
export interface ProcessParts {
  readonly home: string;
  readonly scheduled: ScheduledProcess;
  readonly files: FileSystem;
  readonly durability: "fsync" | "os";
  readonly random: SeededRandom;
  readonly writer: TurnWriter;
  readonly logger: Logger;
  /** Puts something around the store that the runtime gets. */
  wrapStore(store: ThreadStore): ThreadStore;
  /** Told each state that a thread enters. */
  onState(threadId: string, state: string): void;
}

/** Milliseconds an idle thread stays loaded: short enough to happen in a run. */
const IDLE_UNLOAD_MS = 3_000;

/** See the file's head. */
export class SimulatedRuntime implements ConnectionOwner {
  readonly connections = new Set<Database.Database>();
  readonly parts: ProcessParts;
  readonly pool: FoldPool;
  readonly ids: IdSource;
  /** Ids that owners of leases and threads got: one for each time a state DB was opened. */
  readonly ownerIds: string[] = [];
  #runtime: Runtime | null = null;
  #stateDb: StateDb | null = null;
  #store: ThreadStore | null = null;
  isClosing = false;

  constructor(parts: ProcessParts) {
    const { files, scheduled, random } = parts;
    this.parts = parts;
    this.pool = createInlinePool({ files, clock: scheduled.clock });
    this.ids = createIdSource(scheduled.clock, (count) => random.bytes(count));
  }

  get name(): string {
    return this.parts.scheduled.name;
  }

  /** The runtime, once it is open. */
  get runtime(): Runtime | null {
    return this.isClosing || this.parts.scheduled.isKilled ? null : this.#runtime;
  }

  /** What a state DB of this process is opened with. */
  stateDbOptions(): Parameters<typeof openStateDbWith>[0] {
    const { home, scheduled, logger } = this.parts;
    const ids: IdSource = {
      next: () => {
        const id = this.ids.next();
        this.ownerIds.push(id);
        return id;
      },
    };
    return { home, clock: scheduled.clock, logger, ids };
  }

  async open(): Promise<void> {
    const { home, files, scheduled, durability, logger, writer } = this.parts;
    const { clock } = scheduled;
    const { ids } = this;
    const stateDb = await openStateDbWith(this.stateDbOptions(), this.pool);
    this.#stateDb = stateDb;
    const store = await openLocalThreadStore({ home, clock, ids, logger, durability, fileSystem: files, stateDb });
    this.#store = store;
    const agent = scriptedAgent({ clock, turns: [], otherwise: (request) => writer.steps(request) });
    const runtime = await openRuntime({
      store: this.parts.wrapStore(store),
      agent,
      clock,
      ids,
      logger,
      cwd: "/work",
      idleUnloadMs: IDLE_UNLOAD_MS,
    });
    runtime.observe({
      event: (event) => {
        if (event.type !== "signal" || event.signal.type !== "status_changed") return;
        this.parts.onState(event.threadId, event.signal.state);
      },
    });
    this.#runtime = runtime;
  }

  /** Ends in order; what is not done after `timeoutMs` is let go. */
  async close(timeoutMs: number): Promise<void> {
    this.isClosing = true;
    try {
      await this.#runtime?.close({ timeoutMs });
    } finally {
      await this.#closeParts();
    }
  }

  /** What the kernel does for a process that is gone. */
  kill(): void {
    this.parts.scheduled.kill();
    for (const connection of this.connections) connection.close();
    this.connections.clear();
  }

  async #closeParts(): Promise<void> {
    try {
      await this.#store?.close();
    } finally {
      await this.#stateDb?.close();
    }
  }
}
