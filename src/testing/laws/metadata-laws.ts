/**
 * Laws of a thread's metadata: what its log says, what a user sets, keeps and clears, and that all of it
 * lasts (S7). A git triple that is all null and no triple at all mean the same, and are compared as the
 * same.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import type { AppendableItem } from "../../events/index.ts";
import type { StoredThread, StoreEvent, ThreadMetadataPatch, ThreadStore } from "../../store/index.ts";
import { arbBatch, arbMetadataPatch } from "../arbitraries/index.ts";
import { agentMessage, plainMetadata, readLog, refused, seedThread, userMessage } from "../law-steps.ts";
import { arbGit, createdModel, gitOf, type MetadataModel, modelAfter, shownOf } from "../metadata-model.ts";
import { readPlace } from "../place-reading.ts";
import { newThreadLaws } from "./new-thread-laws.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The laws of this file, and of a new thread's metadata. */
export const metadataLaws: readonly StoreLaw[] = [
  ...newThreadLaws,
  storeLaw({
    id: "metadata.folded",
    title: "preview is the first user message, model the newest turn's, updatedAt the newest record's time",
    generator: fc.array(fc.array(arbSaid(), { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 5 }),
    holds: metadataFollowsTheLog,
  }),
  storeLaw({
    id: "metadata.patches",
    title: "a patch sets, keeps and clears field by field; the last one wins",
    generator: fc.record({ git: arbGit(), patches: fc.array(arbMetadataPatch(), { minLength: 1, maxLength: 8 }) }),
    holds: patchesFollowTheModel,
  }),
  storeLaw({
    id: "metadata.patches-reopened",
    title: "what a user set or cleared is the same after reopening",
    needs: ["reopen"],
    runs: 12,
    generator: fc.array(fc.array(arbMetadataPatch(), { maxLength: 3 }), { minLength: 1, maxLength: 3 }),
    holds: patchesSurviveReopening,
  }),
  storeLaw({
    id: "metadata.git-stays-cleared",
    title: "a git field that was cleared stays cleared for later writers, lists and appends",
    generator: fc.record({
      cleared: fc.subarray(["sha", "branch", "originUrl"] as const, { minLength: 1 }),
      later: fc.array(fc.constantFrom("append", "memory mode", "name", "resume"), { maxLength: 6 }),
    }),
    holds: clearedGitStaysCleared,
  }),
  storeLaw({
    id: "metadata.name",
    title: "a name is trimmed, may equal the preview, and is cleared by null",
    generator: fc.array(fc.option(arbPaddedName()), { minLength: 1, maxLength: 6 }),
    holds: nameIsTrimmedAndCleared,
  }),
  storeLaw({
    id: "metadata.refused",
    title: "a patch that says nothing or something unusable is refused and changes nothing",
    generator: fc.record({
      before: arbMetadataPatch(),
      bad: fc.array(fc.tuple(arbMetadataPatch(), arbBadPatch()), { minLength: 1, maxLength: 8 }),
    }),
    holds: badPatchesChangeNothing,
  }),
  storeLaw({
    id: "metadata.materialises",
    title: "a patch materialises a thread that was not, and works on one that is not loaded",
    generator: fc.record({ first: arbMetadataPatch(), unloaded: arbMetadataPatch() }),
    holds: patchMaterialises,
  }),
  storeLaw({
    id: "metadata.archived",
    title: "a patch of an archived thread works, and moves nothing out of the archive",
    needs: ["archive"],
    generator: fc.record({ before: arbMetadataPatch(), archived: arbMetadataPatch() }),
    holds: patchWorksInTheArchive,
  }),
  storeLaw({
    id: "metadata.beside-appends",
    title: "patches between appends in flight lose nothing and leave ordinals gap-free",
    generator: fc.array(arbWork(), { minLength: 1, maxLength: 12 }),
    holds: patchesBesideAppends,
  }),
  storeLaw({
    id: "metadata.told",
    title: "subscribers are told a new name, and each record a patch writes",
    generator: fc.array(arbMetadataPatch(), { minLength: 1, maxLength: 6 }),
    holds: patchesAreTold,
  }),
];

/** What a log says of a thread, beside what nobody folds. */
function arbSaid(): fc.Arbitrary<AppendableItem> {
  const text = fc.constantFrom("the first", "  around it\n", "two\nlines", "ünïcode \u{1f9f5}", "x".repeat(400));
  const model = fc.constantFrom("gpt-a", "gpt-b", "other");
  return fc.oneof(
    text.map(userMessage),
    text.map(agentMessage),
    model.map((name): AppendableItem => ({
      type: "turn_context",
      payload: { turn_id: "t", cwd: "/elsewhere", model: name },
    })),
  );
}

async function metadataFollowsTheLog(place: LawPlace, batches: readonly (readonly AppendableItem[])[]): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, []);
  const said: AppendableItem[] = [];
  for (const items of batches) {
    await store.appendItems({ writer, items });
    said.push(...items);
    const { preview, model, cwd, updatedAtMs } = await store.readThread({ threadId });
    equal(preview.trim(), previewOf(said).trim());
    equal(model, said.findLast(({ type }) => type === "turn_context")?.payload["model"] ?? null);
    equal(cwd, plainMetadata.cwd, "the thread's folder is its session_meta's");
    const newest = (await readLog(store, threadId)).at(-1)?.timestamp ?? "";
    equal(updatedAtMs, Date.parse(newest));
  }
}

function previewOf(said: readonly AppendableItem[]): string {
  const first = said.find(({ payload }) => payload["type"] === "user_message");
  const message = first?.payload["message"];
  return typeof message === "string" ? message : "";
}

interface Patched {
  readonly git: MetadataModel["git"];
  readonly patches: readonly ThreadMetadataPatch[];
}

async function patchesFollowTheModel(place: LawPlace, { git, patches }: Patched): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store, undefined, { git });
  let model: MetadataModel = { ...createdModel, git };
  for (const patch of patches) {
    model = modelAfter(model, patch);
    deepEqual(shownOf(await store.updateThreadMetadata({ threadId, patch })), model, "as answered");
    deepEqual(shownOf(await store.readThread({ threadId })), model, "as read");
    deepEqual(shownOf(await listed(store, threadId)), model, "as listed");
  }
}

async function listed(store: ThreadStore, threadId: string): Promise<StoredThread> {
  const { threads } = await readPlace(store);
  return threads.find(({ id }) => id === threadId) ?? fail(`thread ${threadId} is not listed`);
}

async function patchesSurviveReopening(
  place: LawPlace,
  rounds: readonly (readonly ThreadMetadataPatch[])[],
): Promise<void> {
  let store = await place.open();
  const { id: threadId } = await seedThread(store);
  let model = createdModel;
  for (const patches of rounds) {
    for (const patch of patches) await store.updateThreadMetadata({ threadId, patch });
    model = patches.reduce(modelAfter, model);
    store = await place.reopen(store);
    deepEqual(shownOf(await store.readThread({ threadId })), model, "as read");
    deepEqual(shownOf(await listed(store, threadId)), model, "as listed");
  }
}

interface Clearing {
  readonly cleared: readonly ("sha" | "branch" | "originUrl")[];
  readonly later: readonly ("append" | "memory mode" | "name" | "resume")[];
}

async function clearedGitStaysCleared(place: LawPlace, { cleared, later }: Clearing): Promise<void> {
  const store = await place.open();
  const created = { sha: "0", branch: "created", originUrl: "https://example.invalid/r.git" };
  const { id: threadId, writer } = await seedThread(store, undefined, { git: created });
  const nulls = Object.fromEntries(cleared.map((field) => [field, null]));
  await store.updateThreadMetadata({ threadId, patch: { git: nulls } });
  const left = { ...created, ...nulls };
  let current = writer;
  for (const step of later) {
    if (step === "append") await store.appendItems({ writer: current, items: [userMessage("later")] });
    else if (step === "name") await store.updateThreadMetadata({ threadId, patch: { name: "later" } });
    else if (step === "resume") current = (await store.resumeThread({ threadId })).writer;
    else await store.updateThreadMetadata({ threadId, patch: { memoryMode: "disabled" } });
    deepEqual(gitOf(await store.readThread({ threadId })), left, `after ${step}`);
  }
  deepEqual(gitOf(await listed(store, threadId)), left);
}

function arbPaddedName(): fc.Arbitrary<string> {
  const padding = fc.constantFrom("", "", " ", "\n", " \t ");
  return fc
    .tuple(padding, fc.constantFrom("hello", "a name", "A Name", "x", "ünïcode \u{1f9f5}"), padding)
    .map((parts) => parts.join(""));
}

async function nameIsTrimmedAndCleared(place: LawPlace, names: readonly (string | null)[]): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store, [userMessage("hello")]);
  for (const name of names) {
    await store.updateThreadMetadata({ threadId, patch: { name } });
    const { name: shown } = await store.readThread({ threadId });
    equal(shown, name?.trim() ?? null);
    equal((await listed(store, threadId)).name, shown, "list and read agree");
  }
}

/** Each of its members is one that no store takes; beside good ones it must be refused all the same. */
function arbBadPatch(): fc.Arbitrary<object> {
  const blank = fc.constantFrom("", " ", " \t\n");
  const noText = fc.constantFrom<unknown>(7, true, [], {});
  const tooLong = fc.constant("x".repeat(100_000));
  const badGit = fc.oneof(
    fc.constantFrom<unknown>({}, null, "main", [], 7, { other: "x" }),
    fc
      .tuple(fc.constantFrom("sha", "branch", "originUrl"), fc.oneof(blank, noText, tooLong))
      .map(([field, value]) => ({ [field]: value })),
  );
  return fc.oneof(
    fc.oneof(blank, noText, tooLong).map((name) => ({ name })),
    badGit.map((git) => ({ git })),
    fc
      .oneof(fc.constantFrom<unknown>("", "sometimes", "Enabled"), noText, fc.constant(null))
      .map((memoryMode) => ({ memoryMode })),
    fc.constantFrom({}, { name: undefined }, { unknown: "x" }),
  );
}

interface BadPatches {
  readonly before: ThreadMetadataPatch;
  readonly bad: readonly (readonly [good: ThreadMetadataPatch, bad: object])[];
}

async function badPatchesChangeNothing(place: LawPlace, { before, bad }: BadPatches): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store);
  await store.updateThreadMetadata({ threadId, patch: before });
  const unchanged = await readPlace(store);
  for (const [good, patch] of bad) {
    // A patch that says nothing says something beside a good one.
    const says = Object.keys(patch).some((member) => ["name", "memoryMode", "git"].includes(member));
    const isSaid = says && !Object.values(patch).includes(undefined);
    const joined = isSaid ? { ...good, ...patch } : patch;
    await refused(store.updateThreadMetadata({ threadId, patch: joined }), "invalid_argument");
  }
  deepEqual(await readPlace(store), unchanged);
}

interface TwoPatches {
  readonly first: ThreadMetadataPatch;
  readonly unloaded: ThreadMetadataPatch;
}

async function patchMaterialises(place: LawPlace, { first, unloaded }: TwoPatches): Promise<void> {
  const store = await place.open();
  const { writer } = await store.createThread({ metadata: plainMetadata });
  const { threadId } = writer;
  let model = modelAfter(createdModel, first);
  deepEqual(shownOf(await store.updateThreadMetadata({ threadId, patch: first })), model);
  deepEqual(shownOf(await listed(store, threadId)), model);
  await store.appendItems({ writer, items: [userMessage("hello")] });
  await store.shutdownThread(writer);
  model = modelAfter(model, unloaded);
  deepEqual(shownOf(await store.updateThreadMetadata({ threadId, patch: unloaded })), model);
  deepEqual(shownOf(await listed(store, threadId)), model);
}

interface ArchivedPatches {
  readonly before: ThreadMetadataPatch;
  readonly archived: ThreadMetadataPatch;
}

async function patchWorksInTheArchive(place: LawPlace, { before, archived: patch }: ArchivedPatches): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store);
  await store.updateThreadMetadata({ threadId, patch: before });
  await store.archiveThread(threadId);
  const model = modelAfter(modelAfter(createdModel, before), patch);
  const answer = await store.updateThreadMetadata({ threadId, patch });
  deepEqual(shownOf(answer), model);
  ok(answer.archived, "a patch moves nothing out of the archive");
  deepEqual(shownOf(await listed(store, threadId)), model);
  deepEqual(shownOf(await store.unarchiveThread(threadId)), model);
}

type Work = { readonly append: readonly AppendableItem[] } | { readonly patch: ThreadMetadataPatch };

function arbWork(): fc.Arbitrary<Work> {
  return fc.oneof(
    arbBatch(2).map((append) => ({ append })),
    arbMetadataPatch().map((patch) => ({ patch })),
  );
}

async function patchesBesideAppends(place: LawPlace, work: readonly Work[]): Promise<void> {
  const store = await place.open();
  const { id: threadId, writer } = await seedThread(store, []);
  await Promise.all(
    work.map((one): Promise<unknown> => {
      if ("append" in one) return store.appendItems({ writer, items: one.append });
      return store.updateThreadMetadata({ threadId, patch: one.patch });
    }),
  );
  const log = await readLog(store, threadId);
  deepEqual(
    log.map((record) => record.ordinal),
    log.map((_, index) => index),
  );
  // What a patch writes is a session_meta of the thread's own; no other item here is.
  const appended = log
    .map((record) => record.item)
    .filter((item) => item.type !== "session_meta" || item.payload.id !== threadId);
  deepEqual(
    appended,
    work.flatMap((one) => ("append" in one ? one.append : [])),
  );
  const patches = work.flatMap((one) => ("patch" in one ? [one.patch] : []));
  deepEqual(shownOf(await store.readThread({ threadId })), patches.reduce(modelAfter, createdModel));
  const answer = await store.appendItems({ writer, items: [userMessage("end")] });
  equal(answer.firstOrdinal, log.length);
}

async function patchesAreTold(place: LawPlace, patches: readonly ThreadMetadataPatch[]): Promise<void> {
  const store = await place.open();
  const { id: threadId } = await seedThread(store);
  const told: StoreEvent[] = [];
  store.subscribe((event) => told.push(event));
  for (const patch of patches) await store.updateThreadMetadata({ threadId, patch });
  const records = await readLog(store, threadId, { from: 2 });
  const writing = patches.filter(({ git, memoryMode }) => git !== undefined || memoryMode !== undefined);
  equal(records.length, writing.length, "git and memory mode are one record, a name none");
  deepEqual(
    told.flatMap((event) => (event.type === "appended" ? event.records : [])),
    records,
  );
  deepEqual(
    told.flatMap((event) => (event.type === "name_updated" ? [event.name] : [])),
    patches.flatMap(({ name }) => (name === undefined ? [] : [name?.trim() ?? null])),
  );
  ok(told.every((event) => event.threadId === threadId));
}
