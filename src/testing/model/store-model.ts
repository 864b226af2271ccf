/**
 * The plain model that a thread store is compared with: what is stored of each thread, as arrays in memory, and
 * who may write. It holds no times and no paths, does no I/O, and is as simple as the port allows; where the port
 * leaves a choice, it says all that may be.
 *
 * Ids and writers are the store's own: the model learns them from its answers. Each method that can be refused is
 * asked first (`refusalOf…`), then told what happened.
 */
import type { ErrorCode } from "../../base/index.ts";
import type { AppendableItem, MemoryMode } from "../../events/index.ts";
import type { AppendResult, ForkPoint, GitFields, ThreadMetadataPatch, ThreadWriter } from "../../store/index.ts";
import type { StoreClaims } from "../store-claims.ts";

/** Codes of which one is the right refusal; null: the call is granted. */
export type Refusal = readonly [ErrorCode, ...ErrorCode[]] | null;

/** A thread of the model. */
export interface ModelThread {
  readonly id: string;
  readonly forkedFromId: string | null;
  /** Its records' items by ordinal; "session_meta" for what the store itself records. Empty: only created. */
  readonly records: (AppendableItem | "session_meta")[];
  /** What idempotency keys were answered. */
  readonly keys: Map<string, AppliedRange>;
  isArchived: boolean;
  name: string | null;
  git: GitFields;
  memoryMode: MemoryMode;
  /** The one that may write; null when none is open. */
  writer: ThreadWriter | null;
}

/** The records of one append. */
export type AppliedRange = Pick<AppendResult, "firstOrdinal" | "nextOrdinal">;

/** A writer as it is named in the code of commands. */
export interface NamedWriter {
  /** "w1" for the first one. */
  readonly name: string;
  readonly writer: ThreadWriter;
}

/** What an append asks for, beyond its items. */
export type AppendCondition = { readonly expectedOrdinal?: number; readonly idempotencyKey?: string };

const NO_GIT: GitFields = { sha: null, branch: null, originUrl: null };
const DEAD_WRITER: Refusal = ["writer_closed", "writer_fenced", "thread_not_found"];
const NOT_FOUND: Refusal = ["thread_not_found"];

/** See the file's head. */
export class StoreModel {
  readonly claims: StoreClaims;
  /** By id; deleted ones and ones that left no trace are not in it. */
  readonly threads = new Map<string, ModelThread>();
  /** Every id there ever was, in the order they came, and the writer that shows it in code. */
  readonly ids = new Map<string, NamedWriter>();
  /** All writers of this handle, open or dead. */
  readonly writers: NamedWriter[] = [];
  #writersNamed = 0;

  constructor(claims: StoreClaims) {
    this.claims = claims;
  }

  /** The thread, where anything is stored of it. */
  stored(id: string): ModelThread | undefined {
    const thread = this.threads.get(id);
    return thread === undefined || thread.records.length === 0 ? undefined : thread;
  }

  /** The thread that a writer may write to. */
  writable(writer: ThreadWriter): ModelThread | undefined {
    const thread = this.threads.get(writer.threadId);
    return thread?.writer === writer ? thread : undefined;
  }

  refusalOfCreate({ threadId, fork }: { readonly threadId?: string; readonly fork?: ForkPoint }): Refusal {
    if (threadId !== undefined && this.threads.has(threadId)) return ["thread_exists"];
    if (fork === undefined) return null;
    const source = this.stored(fork.threadId);
    if (source === undefined) return NOT_FOUND;
    return fork.endOrdinal > source.records.length ? ["invalid_argument"] : null;
  }

  created(writer: ThreadWriter, fork?: ForkPoint): NamedWriter {
    const records: ModelThread["records"] = [];
    // A fork is stored at once.
    if (fork !== undefined) {
      const copied = this.stored(fork.threadId)?.records.slice(0, fork.endOrdinal) ?? [];
      records.push("session_meta", ...copied);
    }
    const { threadId: id } = writer;
    const forkedFromId = fork?.threadId ?? null;
    const own = { isArchived: false, name: null, git: NO_GIT, memoryMode: "enabled" as const };
    this.threads.set(id, { id, forkedFromId, records, keys: new Map(), ...own, writer });
    return this.#named(writer);
  }

  refusalOfStored(id: string): Refusal {
    return this.stored(id) === undefined ? NOT_FOUND : null;
  }

  resumed(writer: ThreadWriter): NamedWriter {
    const thread = this.threads.get(writer.threadId);
    if (thread !== undefined) thread.writer = writer;
    return this.#named(writer);
  }

  refusalOfWriter(writer: ThreadWriter): Refusal {
    return this.writable(writer) === undefined ? DEAD_WRITER : null;
  }

  /** Ordinal the thread's next record gets. */
  nextOrdinal(id: string): number {
    return Math.max(1, this.threads.get(id)?.records.length ?? 0);
  }

  refusalOfAppend(writer: ThreadWriter, { expectedOrdinal, idempotencyKey }: AppendCondition): Refusal {
    const thread = this.writable(writer);
    if (thread === undefined) return DEAD_WRITER;
    if (idempotencyKey !== undefined && thread.keys.has(idempotencyKey)) return null;
    const isExpected = expectedOrdinal === undefined || expectedOrdinal === this.nextOrdinal(thread.id);
    return isExpected ? null : ["ordinal_conflict"];
  }

  /** The answer of an append that is granted. */
  appended(
    writer: ThreadWriter,
    items: readonly AppendableItem[],
    key: string | undefined,
  ): AppliedRange & Pick<AppendResult, "duplicate"> {
    const thread = this.writable(writer);
    const known = key === undefined ? undefined : thread?.keys.get(key);
    if (known !== undefined) return { ...known, duplicate: true };
    this.persisted(writer.threadId);
    const firstOrdinal = this.nextOrdinal(writer.threadId);
    thread?.records.push(...items);
    const range = { firstOrdinal, nextOrdinal: firstOrdinal + items.length };
    if (key !== undefined) thread?.keys.set(key, range);
    return { ...range, duplicate: false };
  }

  persisted(id: string): void {
    const thread = this.threads.get(id);
    if (thread?.records.length === 0) thread.records.push("session_meta");
  }

  /** Shut down or discarded. */
  released(writer: ThreadWriter): void {
    const thread = this.writable(writer);
    if (thread === undefined) return;
    thread.writer = null;
    if (thread.records.length === 0) this.threads.delete(thread.id);
  }

  refusalOfPatch(id: string): Refusal {
    return this.threads.has(id) ? null : NOT_FOUND;
  }

  patched(id: string, { name, git, memoryMode }: ThreadMetadataPatch): void {
    const thread = this.threads.get(id);
    if (thread === undefined) return;
    this.persisted(id);
    if (name !== undefined) thread.name = name;
    if (git !== undefined) thread.git = { ...thread.git, ...git };
    if (memoryMode !== undefined) thread.memoryMode = memoryMode;
    if (git !== undefined || memoryMode !== undefined) thread.records.push("session_meta");
  }

  refusalOfMove(id: string, toArchive: boolean): Refusal {
    const thread = this.stored(id);
    if (thread === undefined) return NOT_FOUND;
    if (thread.isArchived !== toArchive) return null;
    return toArchive ? ["thread_archived"] : ["thread_not_archived"];
  }

  moved(id: string, toArchive: boolean): void {
    const thread = this.threads.get(id);
    if (thread !== undefined) thread.isArchived = toArchive;
  }

  /** Whether other threads were forked from this one: a store whose forks are references may keep it. */
  hasForks(id: string): boolean {
    return [...this.threads.values()].some((thread) => thread.forkedFromId === id);
  }

  deleted(id: string): void {
    this.threads.delete(id);
  }

  /** Another handle: its writers are others, and what was only created is gone. */
  reopened(): void {
    this.writers.length = 0;
    for (const thread of this.threads.values()) {
      thread.writer = null;
      if (thread.records.length === 0) this.threads.delete(thread.id);
    }
  }

  #named(writer: ThreadWriter): NamedWriter {
    this.#writersNamed += 1;
    const named = { name: `w${this.#writersNamed}`, writer };
    this.writers.push(named);
    if (!this.ids.has(writer.threadId)) this.ids.set(writer.threadId, named);
    return named;
  }
}
