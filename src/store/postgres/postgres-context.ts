/**
 * What the parts of one store handle share: its connections and statements, its lease, its open writers. Each part takes
 * what it needs of it; nothing in it is anybody's own.
 */
import type { KeyedLock } from "../keyed-lock.ts";
import type { LineClock } from "../line-clock.ts";
import type { LogIndex } from "../log-index.ts";
import type { ThreadLogSource } from "../log-source.ts";
import type { StoreEvents } from "../store-events.ts";
import type { Durability } from "../durability.ts";
import type { AppendIds } from "./append-ids.ts";
import type { PostgresDurability } from "./durability-probe.ts";
import type { EventTeller } from "./event-teller.ts";
import type { GroupCommitter } from "./group-committer.ts";
import type { LogReader } from "./log-reader.ts";
import type { NodeLease } from "./node-lease.ts";
import type { PostgresDatabase } from "./postgres-database.ts";
import type { PostgresSettings } from "./postgres-options.ts";
import type { Statements } from "./statements.ts";
import type { ToldMarks } from "./told-marks.ts";
import type { WakeUps } from "./wake-ups.ts";
import type { WriterRegistry } from "./writer-registry.ts";

/** See the file's head. */
export interface PostgresContext {
  readonly settings: PostgresSettings;
  readonly database: PostgresDatabase;
  readonly statements: Statements;
  readonly lease: NodeLease;
  readonly appendIds: AppendIds;
  readonly committer: GroupCommitter;
  readonly writers: WriterRegistry;
  /** One thing at a time for each thread: opening, moving, deleting and patching. */
  readonly lock: KeyedLock;
  readonly reader: LogReader;
  readonly events: StoreEvents;
  readonly lineClock: LineClock;
  /** What an append is acknowledged with by now. */
  readonly durability: () => Durability;
  readonly wakeUps: WakeUps;
  /** Tells what a thread's owner before wrote, so that what this handle does comes behind it. */
  readonly takeOver: (threadId: string, nextOrdinal: number) => Promise<void>;
  /** What those who listen have heard of, for when the server loses it. */
  readonly marks: ToldMarks;
  /** The rows beside the logs; null where the store was opened without. */
  readonly rows: () => LogIndex | null;
}

/** An open place, and what its handle is made of. */
export interface OpenedDatabase {
  readonly context: PostgresContext;
  /** As it was seen last. */
  readonly durability: () => PostgresDurability;
  readonly source: ThreadLogSource;
  readonly teller: EventTeller;
  readonly rows: () => LogIndex | null;
}
