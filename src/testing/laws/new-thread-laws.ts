/**
 * Laws of a new thread's metadata: what was said of it reads back, what was not has its documented default, and
 * neither what a caller passed in nor what it got is shared with what is stored. Checked as read, as listed and, where
 * threads outlive the handle, after reopening.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { MemoryMode, SessionSource } from "../../events/index.ts";
import type { NewThreadMetadata, StoredThread, ThreadStore } from "../../store/index.ts";
import { arbText } from "../arbitraries/index.ts";
import { plainMetadata, readLog, seedThread, userMessage } from "../law-steps.ts";
import { arbGit, gitOf, noGit } from "../metadata-model.ts";
import { readPlace } from "../place-reading.ts";
import { createSettableClock } from "../settable-clock.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

const PARENT = "019b0000-0000-7000-8000-0000000000a1";

/** The laws of this file. */
export const newThreadLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "metadata.created",
    title: "a new thread's metadata reads back, with the documented defaults for what was not said",
    generator: fc.array(arbNewMetadata(), { minLength: 1, maxLength: 3 }),
    holds: createdMetadataReadsBack,
  }),
  storeLaw({
    id: "metadata.no-sharing",
    title: "changing metadata after a thread's creation, or a thread after it was read, changes nothing stored",
    runs: 5,
    generator: fc.record({ before: arbGit(), after: fc.string() }),
    holds: metadataIsNotShared,
  }),
];

function arbNewMetadata(): fc.Arbitrary<NewThreadMetadata> {
  const said = (...texts: readonly string[]): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constantFrom(...texts),
      arbText().filter((text) => text.trim() !== ""),
    );
  return fc.record(
    {
      cwd: said("/srv/ein Ordner", "/work/place", "C:\\work"),
      modelProvider: fc.constantFrom("local", "other", "ünïcode"),
      memoryMode: fc.constantFrom<MemoryMode>("enabled", "disabled", "polluted"),
      source: fc.constantFrom<SessionSource>(
        "cli",
        "vscode",
        "exec",
        { subagent: "review" },
        { subagent: { other: "x" } },
        { subagent: { thread_spawn: { parent_thread_id: PARENT, depth: 1 } } },
      ),
      threadSource: fc.option(said("subagent", "user")),
      originator: said("a client"),
      baseInstructions: arbText(),
      git: fc.option(arbGit()),
      agentNickname: fc.option(said("Ada")),
      agentRole: fc.option(said("reviewer")),
    },
    { requiredKeys: ["cwd"], noNullPrototype: true },
  );
}

/** What a thread shows of what was said at its creation. */
function createdAs(metadata: NewThreadMetadata): Partial<StoredThread> {
  const { source = "vscode" } = metadata;
  return {
    cwd: metadata.cwd,
    memoryMode: metadata.memoryMode ?? "enabled",
    source,
    threadSource: metadata.threadSource ?? null,
    originator: metadata.originator ?? "skein",
    git: metadata.git ?? noGit,
    agentNickname: metadata.agentNickname ?? null,
    agentRole: metadata.agentRole ?? null,
    parentThreadId: JSON.stringify(source).includes(PARENT) ? PARENT : null,
    name: null,
    preview: "",
    model: null,
    forkedFromId: null,
    archived: false,
    ...(metadata.modelProvider === undefined ? {} : { modelProvider: metadata.modelProvider }),
  };
}

function isAsCreated(thread: StoredThread, metadata: NewThreadMetadata): void {
  const expected = createdAs(metadata);
  const shown = { ...thread, git: gitOf(thread) };
  const seen = Object.fromEntries(Object.entries(shown).filter(([field]) => field in expected));
  deepEqual(seen, { ...expected });
  ok(thread.modelProvider !== "", "a thread without a provider of its own has the store's, or is of an unknown one");
}

async function createdMetadataReadsBack(place: LawPlace, all: readonly NewThreadMetadata[]): Promise<void> {
  const clock = createSettableClock();
  let store = await place.open({ clock });
  const ids: string[] = [];
  for (const metadata of all) {
    const { writer } = await store.createThread({ metadata });
    await store.persistThread(writer);
    ids.push(writer.threadId);
  }
  const look = async (handle: ThreadStore): Promise<void> => {
    const { threads } = await readPlace(handle);
    for (const [index, threadId] of ids.entries()) {
      const metadata = all[index] ?? plainMetadata;
      const read = await handle.readThread({ threadId });
      isAsCreated(read, metadata);
      // A clock of its own goes on between the making of a thread and its first record.
      if (place.claims.clock) equal(read.createdAtMs, read.updatedAtMs);
      ok(read.createdAtMs <= read.updatedAtMs);
      equal(read.path === null, !handle.capabilities.paths);
      deepEqual(
        threads.find(({ id }) => id === threadId),
        read,
        "list and read agree",
      );
    }
  };
  await look(store);
  if (!place.claims.reopen) return;
  store = await place.reopen(store, { clock });
  await look(store);
}

interface Changed {
  readonly before: NonNullable<NewThreadMetadata["git"]>;
  readonly after: string;
}

async function metadataIsNotShared(place: LawPlace, { before, after }: Changed): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store, [userMessage("hello")], { git: before, source: { custom: "x" } });
  // A copy: a store that hands out its own objects would change this reading as well.
  const unchanged = structuredClone(await readPlace(store));
  for (const thread of [await store.readThread({ threadId }), ...(await readPlace(store)).threads]) {
    spoil(thread.git, after);
    spoil(thread.source, after);
    spoil(thread, after);
  }
  deepEqual(await readPlace(store), unchanged, "what was read is the reader's own");

  const git = { ...before };
  const source = { custom: "x" };
  const { writer } = await store.createThread({ metadata: { ...plainMetadata, git, source } });
  spoil(git, after);
  spoil(source, after);
  await store.persistThread(writer);
  const created = structuredClone(await store.readThread({ threadId: writer.threadId }));
  deepEqual(gitOf(created), before, "what was passed in is the caller's own");
  deepEqual(created.source, { custom: "x" });
  for (const { item } of await readLog(store, writer.threadId)) spoil("payload" in item ? item.payload : item, after);
  deepEqual(await store.readThread({ threadId: writer.threadId }), created, "what was read is the reader's own");
}

/** Writes something else into every member, where that can be done: a store may as well freeze what it hands out. */
function spoil(value: unknown, after: string): void {
  if (typeof value !== "object" || value === null) return;
  for (const member of Object.keys(value)) Reflect.set(value, member, `${after} by a caller`);
}
