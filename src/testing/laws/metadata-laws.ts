/**
 * Laws of a thread's metadata: what its log says, what a user sets, keeps and clears, and that all of it
 * lasts (S7). A git triple that is all null and no triple at all mean the same, and are compared as the
 * same.
 */
import { deepEqual, equal, ok } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem, MemoryMode } from "../../events/index.ts";
import type { GitFields, StoredThread, StoreEvent, ThreadMetadataPatch } from "../../store/index.ts";
import {
  agentMessage,
  plainMetadata,
  readAllThreads,
  readLog,
  refused,
  seedThread,
  userMessage,
  withOpened,
  withPlace,
  withStore,
} from "../law-steps.ts";
import { createSettableClock } from "../settable-clock.ts";
import type { PlainLaw } from "../store-law.ts";
import type { StoreFixture } from "../store-place.ts";

/** The laws of this file. */
export const metadataLaws: readonly PlainLaw[] = [
  {
    id: "metadata.created",
    title: "a new thread's metadata reads back, with the documented defaults for what was not said",
    run: createdMetadataReadsBack,
  },
  {
    id: "metadata.folded",
    title: "preview is the first user message, model the newest turn's, updatedAt the newest record's time",
    run: metadataFollowsTheLog,
  },
  {
    id: "metadata.patches",
    title: "a patch sets, keeps and clears field by field; the last one wins",
    run: patchesFollowTheModel,
  },
  {
    id: "metadata.patches-reopened",
    title: "what a user set or cleared is the same after reopening",
    needs: ["reopen"],
    run: patchesSurviveReopening,
  },
  {
    id: "metadata.git-stays-cleared",
    title: "a git field that was cleared stays cleared for later writers, lists and appends",
    run: clearedGitStaysCleared,
  },
  {
    id: "metadata.name",
    title: "a name is trimmed, may equal the preview, and is cleared by null",
    run: nameIsTrimmedAndCleared,
  },
  {
    id: "metadata.refused",
    title: "a patch that says nothing or something unusable is refused and changes nothing",
    run: badPatchesChangeNothing,
  },
  {
    id: "metadata.materialises",
    title: "a patch materialises a thread that was not, and works unloaded and archived",
    run: patchWorksInEveryState,
  },
  {
    id: "metadata.beside-appends",
    title: "patches between appends in flight lose nothing and leave ordinals gap-free",
    run: patchesBesideAppends,
  },
  {
    id: "metadata.told",
    title: "subscribers are told a new name, and each record a patch writes",
    run: patchesAreTold,
  },
];

async function createdMetadataReadsBack(fixture: StoreFixture): Promise<void> {
  const clock = createSettableClock();
  await withStore(
    fixture,
    async (store) => {
      const said = {
        cwd: "/srv/ein Ordner",
        modelProvider: "local",
        memoryMode: "disabled",
        source: { subagent: "review" },
        threadSource: "subagent",
        originator: "a client",
        git: { sha: "abc", branch: "main", originUrl: null },
        agentNickname: "Ada",
        agentRole: "reviewer",
      } as const;
      const { id } = await seedThread(store, [], said);
      const full = await store.readThread({ threadId: id });
      for (const [field, value] of Object.entries(said)) {
        deepEqual(full[field as keyof typeof said], value, field);
      }
      equal(full.createdAtMs, full.updatedAtMs);
      const plain = await store.readThread({ threadId: (await seedThread(store, [])).id });
      ok(plain.modelProvider !== "", "a thread without a provider of its own has the store's, or is of an unknown one");
      deepEqual(
        {
          memoryMode: plain.memoryMode,
          source: plain.source,
          originator: plain.originator,
          name: plain.name,
          preview: plain.preview,
          model: plain.model,
          forkedFromId: plain.forkedFromId,
          archived: plain.archived,
          threadSource: plain.threadSource,
        },
        {
          memoryMode: "enabled",
          source: "vscode",
          originator: "skein",
          name: null,
          preview: "",
          model: null,
          forkedFromId: null,
          archived: false,
          threadSource: null,
        },
      );
      equal(plain.path === null, !store.capabilities.paths);
      deepEqual(gitOf(plain), noGit);
    },
    { clock },
  );
}

async function metadataFollowsTheLog(fixture: StoreFixture): Promise<void> {
  const turnContext = (model: string): AppendableItem => ({
    type: "turn_context",
    payload: { turn_id: "t", cwd: "/elsewhere", model },
  });
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store, []);
    const steps = [
      [agentMessage("too early"), turnContext("gpt-a")],
      [userMessage("  the first\nmessage "), agentMessage("answer")],
      [turnContext("gpt-b"), userMessage("the second")],
    ];
    const seen: (string | null)[][] = [];
    for (const items of steps) {
      await store.appendItems({ writer, items });
      const { preview, model, cwd, updatedAtMs } = await store.readThread({ threadId });
      seen.push([preview.trim(), model]);
      equal(cwd, plainMetadata.cwd, "the thread's folder is its session_meta's");
      const newest = (await readLog(store, threadId)).at(-1)?.timestamp ?? "";
      equal(updatedAtMs, Date.parse(newest));
    }
    deepEqual(seen, [
      ["", "gpt-a"],
      ["the first\nmessage", "gpt-a"],
      ["the first\nmessage", "gpt-b"],
    ]);
  });
}

const noGit: GitFields = { sha: null, branch: null, originUrl: null };

function gitOf(thread: StoredThread): GitFields {
  return { ...(thread.git ?? noGit) };
}

interface MetadataModel {
  name: string | null;
  memoryMode: MemoryMode;
  git: GitFields;
}

function modelAfter(model: MetadataModel, patch: ThreadMetadataPatch): MetadataModel {
  const git: Record<string, string | null> = { ...model.git };
  for (const [field, value] of Object.entries(patch.git ?? {})) {
    if (value !== undefined) git[field] = value;
  }
  return {
    name: patch.name === undefined ? model.name : (patch.name?.trim() ?? null),
    memoryMode: patch.memoryMode ?? model.memoryMode,
    git: git as unknown as GitFields,
  };
}

function shownOf(thread: StoredThread): MetadataModel {
  return { name: thread.name, memoryMode: thread.memoryMode, git: gitOf(thread) };
}

function anyPatch(): fc.Arbitrary<ThreadMetadataPatch> {
  const field = fc.option(fc.constantFrom("x", "y", "main", "https://example.org/r.git"));
  const git = fc
    .record({ sha: field, branch: field, originUrl: field }, { requiredKeys: [] })
    .filter((patch) => Object.keys(patch).length > 0);
  return fc
    .record(
      {
        name: fc.option(fc.constantFrom("a name", " ein Name ", "ünïcode \u{1f9f5}", "hello")),
        memoryMode: fc.constantFrom<MemoryMode>("enabled", "disabled", "polluted"),
        git,
      },
      { requiredKeys: [] },
    )
    .filter((patch) => Object.keys(patch).length > 0);
}

const createdGit: GitFields = { sha: "0", branch: "created", originUrl: null };
const createdModel: MetadataModel = { name: null, memoryMode: "enabled", git: createdGit };

async function patchesFollowTheModel(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, (store) =>
    fc.assert(
      fc.asyncProperty(fc.array(anyPatch(), { minLength: 1, maxLength: 8 }), async (patches) => {
        const { id: threadId, writer } = await seedThread(store, undefined, { git: createdGit });
        let model = createdModel;
        for (const patch of patches) {
          model = modelAfter(model, patch);
          deepEqual(shownOf(await store.updateThreadMetadata({ threadId, patch })), model);
          deepEqual(shownOf(await store.readThread({ threadId })), model);
        }
        await store.shutdownThread(writer);
      }),
      { numRuns: 25 },
    ),
  );
}

async function patchesSurviveReopening(fixture: StoreFixture): Promise<void> {
  await withPlace(fixture, (place) =>
    fc.assert(
      fc.asyncProperty(fc.array(anyPatch(), { minLength: 1, maxLength: 5 }), async (patches) => {
        const threadId = await withOpened(place, async (store) => {
          const { id } = await seedThread(store, undefined, { git: createdGit });
          for (const patch of patches) await store.updateThreadMetadata({ threadId: id, patch });
          return id;
        });
        await withOpened(place, async (store) => {
          const model = patches.reduce(modelAfter, createdModel);
          deepEqual(shownOf(await store.readThread({ threadId })), model);
        });
      }),
      { numRuns: 10 },
    ),
  );
}

async function clearedGitStaysCleared(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store, undefined, { git: createdGit });
    await store.updateThreadMetadata({ threadId, patch: { git: { branch: null } } });
    await store.updateThreadMetadata({ threadId, patch: { memoryMode: "disabled" } });
    await store.appendItems({ writer, items: [userMessage("later")] });
    await store.shutdownThread(writer);
    await store.resumeThread({ threadId });
    const cleared = { sha: "0", branch: null, originUrl: null };
    deepEqual(gitOf(await store.readThread({ threadId })), cleared);
    for (const thread of await readAllThreads(store)) deepEqual(gitOf(thread), cleared);
    const all = { sha: null, branch: null, originUrl: null };
    await store.updateThreadMetadata({ threadId, patch: { git: all } });
    deepEqual(gitOf(await store.readThread({ threadId })), all);
  });
}

async function nameIsTrimmedAndCleared(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store, [userMessage("hello")]);
    const named = async (name: string | null): Promise<string | null> => {
      await store.updateThreadMetadata({ threadId, patch: { name } });
      const listed = (await readAllThreads(store)).find((thread) => thread.id === threadId);
      const read = await store.readThread({ threadId });
      equal(listed?.name, read.name, "list and read agree");
      return read.name;
    };
    equal(await named("  around it \n"), "around it");
    equal(await named("hello"), "hello");
    equal(await named(null), null);
    equal(await named("again"), "again");
  });
}

async function badPatchesChangeNothing(fixture: StoreFixture): Promise<void> {
  const bad: readonly object[] = [
    {},
    { name: "" },
    { name: " \t\n" },
    { name: 7 },
    { name: "x".repeat(100_000) },
    { git: {} },
    { git: { sha: 7 } },
    { git: { branch: "" } },
    { memoryMode: "sometimes" },
    { name: "fine", memoryMode: "sometimes" },
  ];
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store);
    await store.updateThreadMetadata({ threadId, patch: { name: "before" } });
    const before = await store.readThread({ threadId, includeHistory: true });
    for (const patch of bad) {
      await refused(store.updateThreadMetadata({ threadId, patch }), "invalid_argument");
      deepEqual(await store.readThread({ threadId, includeHistory: true }), before);
    }
  });
}

async function patchWorksInEveryState(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { writer } = await store.createThread({ metadata: plainMetadata });
    const { threadId } = writer;
    await store.updateThreadMetadata({ threadId, patch: { name: "before its first turn" } });
    deepEqual(
      (await readAllThreads(store)).map(({ id, name }) => [id, name]),
      [[threadId, "before its first turn"]],
    );
    await store.appendItems({ writer, items: [userMessage("hello")] });
    await store.shutdownThread(writer);
    const patch: ThreadMetadataPatch = { name: "unloaded", memoryMode: "polluted" };
    equal((await store.updateThreadMetadata({ threadId, patch })).name, "unloaded");
    await store.archiveThread(threadId);
    const cleared: ThreadMetadataPatch = { git: { sha: "f00" }, name: null };
    const archived = await store.updateThreadMetadata({ threadId, patch: cleared });
    deepEqual(shownOf(archived), {
      name: null,
      memoryMode: "polluted",
      git: { ...noGit, sha: "f00" },
    });
    ok(archived.archived, "a patch moves nothing out of the archive");
  });
}

async function patchesBesideAppends(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId, writer } = await seedThread(store, []);
    const branches = ["a", "b", "c", "d"];
    const messages = branches.map((branch) => userMessage(`on ${branch}`));
    await Promise.all(
      branches.flatMap((branch, index): Promise<unknown>[] => [
        store.appendItems({ writer, items: messages.slice(index, index + 1) }),
        store.updateThreadMetadata({ threadId, patch: { git: { branch } } }),
      ]),
    );
    const log = await readLog(store, threadId);
    deepEqual(
      log.map((record) => record.ordinal),
      log.map((_, index) => index),
    );
    deepEqual(
      log.map((record) => record.item).filter((item) => item.type === "event_msg"),
      messages,
    );
    equal((await store.readThread({ threadId })).git?.branch, "d");
    const answer = await store.appendItems({ writer, items: [userMessage("end")] });
    equal(answer.firstOrdinal, log.length);
  });
}

async function patchesAreTold(fixture: StoreFixture): Promise<void> {
  await withStore(fixture, async (store) => {
    const { id: threadId } = await seedThread(store);
    const told: StoreEvent[] = [];
    store.subscribe((event) => told.push(event));
    await store.updateThreadMetadata({ threadId, patch: { name: " new " } });
    await store.updateThreadMetadata({ threadId, patch: { memoryMode: "disabled" } });
    const records = await readLog(store, threadId, { from: 2 });
    equal(records.length, 1, "a memory mode is one record, a name none");
    deepEqual(told, [
      { type: "name_updated", threadId, name: "new" },
      { type: "appended", threadId, records },
    ]);
  });
}
