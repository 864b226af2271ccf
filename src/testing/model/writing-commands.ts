/**
 * The commands that write: create, fork, resume, append, persist, flush, shutdown, discard, patch, archive and
 * back, delete; and those that end a handle: reopen and kill. Each compares the answer, or the refusal's code, with
 * the model's.
 */
import { deepEqual, equal, fail, ok } from "node:assert/strict";

import fc from "fast-check";

import type { ForkPoint, ThreadMetadataPatch, ThreadWriter } from "../../store/index.ts";
import { agentMessage, plainMetadata, userMessage } from "../law-steps.ts";
import type { StoreClaims } from "../store-claims.ts";
import {
  answered,
  arbThreadChoice,
  arbWriterChoice,
  type CommandRun,
  literal,
  matchesModel,
  pickTaken,
  pickThread,
  pickWriter,
  type StoreCommand,
  storeCommand,
  type ThreadChoice,
  type WriterChoice,
} from "./store-command.ts";
import type { AppendCondition } from "./store-model.ts";

const arbText = fc.constantFrom("", "a", "hello", 'ä\u2028"\\', "line\nline");
const arbItems = fc.array(
  fc.tuple(fc.boolean(), arbText).map(([isUser, text]) => (isUser ? userMessage(text) : agentMessage(text))),
  { minLength: 1, maxLength: 3 },
);
const arbField = fc.constantFrom(null, "x", "y");
const arbPatch: fc.Arbitrary<ThreadMetadataPatch> = fc
  .record(
    {
      name: fc.constantFrom(null, "one", "two"),
      memoryMode: fc.constantFrom("enabled" as const, "disabled" as const),
      git: fc
        .record({ sha: arbField, branch: arbField, originUrl: arbField }, { requiredKeys: [] })
        .filter((git) => Object.keys(git).length > 0),
    },
    { requiredKeys: [] },
  )
  .filter((patch) => Object.keys(patch).length > 0);
// A parser's objects have a prototype, and so do those that a store gives back.
const asPlain = <Value>(value: Value): Value => JSON.parse(JSON.stringify(value)) as Value;

/** Arbitraries of the commands, more than once where they are to come more often. */
export function writingCommands(claims: StoreClaims): fc.Arbitrary<StoreCommand>[] {
  const append = fc
    .record({
      by: arbWriterChoice,
      items: arbItems,
      // Counted from the right one.
      expects: fc.constantFrom(undefined, undefined, 0, 1, -1),
      key: fc.constantFrom(undefined, undefined, "k1", "k2"),
    })
    .map(appendCommand);
  const isNew = { weight: 2, arbitrary: fc.constant(undefined) };
  const create = fc.oneof(isNew, arbThreadChoice).map(createCommand);
  const patch = fc.record({ of: arbThreadChoice, patch: arbPatch.map(asPlain) }).map(patchCommand);
  const resume = arbThreadChoice.map(resumeCommand);
  return [
    create,
    create,
    create,
    append,
    append,
    append,
    append,
    append,
    resume,
    resume,
    create,
    append,
    append,
    patch,
    arbWriterChoice.map((by) => writerCommand("persistThread", by)),
    arbWriterChoice.map((by) => writerCommand("flushThread", by)),
    arbWriterChoice.map((by) => writerCommand("shutdownThread", by)),
    arbWriterChoice.map((by) => writerCommand("discardThread", by)),
    patch,
    patch,
    ...(claims.fork === "none" ? [] : [fc.record({ of: arbThreadChoice, cut: fc.nat(8) }).map(forkCommand)]),
    ...(claims.archive ? [fc.record({ of: arbThreadChoice, toArchive: fc.boolean() }).map(moveCommand)] : []),
    ...(claims.delete ? [arbThreadChoice.map(deleteCommand)] : []),
    // Seldom: a handle's end takes far longer than any call, and what a script has built up goes with it.
    ...(claims.reopen ? [fc.oneof({ weight: 2, arbitrary: append }, fc.constant(null).map(reopenCommand))] : []),
    ...(claims.crash ? [fc.oneof({ weight: 2, arbitrary: append }, fc.constant(null).map(killCommand))] : []),
  ];
}

function createCommand(taken: ThreadChoice | undefined): StoreCommand {
  return storeCommand({
    name: "createThread",
    run: async (run) => {
      const known = taken === undefined ? undefined : pickTaken(run.model, taken);
      await create(run, known === undefined ? {} : { threadId: known.id, code: `threadId: ${known.code}, ` });
    },
  });
}

interface Creation {
  readonly threadId?: string;
  readonly fork?: ForkPoint;
  /** Of the members above. */
  readonly code?: string;
}

async function create({ model, session, say }: CommandRun, creation: Creation): Promise<void> {
  const { code = "", ...params } = creation;
  const text = `await store.createThread({ ${code}metadata: ${literal(plainMetadata)} })`;
  say(text);
  const call = session.store.createThread({ ...params, metadata: plainMetadata });
  const opened = await answered(model.refusalOfCreate(params), call);
  if (opened === undefined) return;
  if (params.threadId === undefined) ok(!model.threads.has(opened.writer.threadId), "a new thread has a new id");
  const named = model.created(opened.writer, params.fork);
  say(`${named.name} = (${text}).writer`);
  equal(opened.nextOrdinal, model.nextOrdinal(opened.writer.threadId));
}

function forkCommand({ of, cut }: { readonly of: ThreadChoice; readonly cut: number }): StoreCommand {
  return storeCommand({
    name: "createThread({ fork })",
    isPossible: (model) => model.claims.fork !== "none" && model.ids.size > 0,
    run: async (run) => {
      const { id: threadId, code } = pickThread(run.model, of) ?? fail("there is one");
      // One past the end is refused.
      const endOrdinal = cut % (run.model.nextOrdinal(threadId) + 2);
      const fork = { threadId, endOrdinal };
      await create(run, { fork, code: `fork: { threadId: ${code}, endOrdinal: ${endOrdinal} }, ` });
    },
  });
}

function resumeCommand(of: ThreadChoice): StoreCommand {
  return storeCommand({
    name: "resumeThread",
    isPossible: (model) => model.ids.size > 0,
    run: async ({ model, session, say }) => {
      const { id: threadId, code } = pickThread(model, of) ?? fail("there is one");
      say(`await store.resumeThread({ threadId: ${code} })`);
      const opened = await answered(model.refusalOfStored(threadId), session.store.resumeThread({ threadId }));
      if (opened === undefined) return;
      const named = model.resumed(opened.writer);
      say(`${named.name} = (await store.resumeThread({ threadId: ${code} })).writer`);
      equal(opened.nextOrdinal, model.nextOrdinal(threadId));
    },
  });
}

interface Append {
  readonly by: WriterChoice;
  readonly items: readonly ReturnType<typeof userMessage>[];
  readonly expects: number | undefined;
  readonly key: string | undefined;
}

function appendCommand({ by, items, expects, key }: Append): StoreCommand {
  return storeCommand({
    name: "appendItems",
    isPossible: (model) => model.writers.length > 0,
    run: async ({ model, session, say }) => {
      const { name, writer } = pickWriter(model, by) ?? fail("there is one");
      const condition: AppendCondition = {
        ...(expects === undefined ? {} : { expectedOrdinal: model.nextOrdinal(writer.threadId) + expects }),
        ...(key === undefined ? {} : { idempotencyKey: key }),
      };
      const rest = literal({ items, ...condition }).slice(1);
      say(`await store.appendItems({ writer: ${name}, ${rest})`);
      const call = session.store.appendItems({ writer, items, ...condition });
      const answer = await answered(model.refusalOfAppend(writer, condition), call);
      if (answer === undefined) return;
      const { durability: _durability, ...range } = answer;
      deepEqual(range, model.appended(writer, items, key));
    },
  });
}

type WriterCall = "persistThread" | "flushThread" | "shutdownThread" | "discardThread";

function writerCommand(call: WriterCall, by: WriterChoice): StoreCommand {
  return storeCommand({
    name: call,
    isPossible: (model) => model.writers.length > 0,
    run: async ({ model, session, say }) => {
      const { name, writer } = pickWriter(model, by) ?? fail("there is one");
      say(`await store.${call}(${name})`);
      const isRelease = call === "shutdownThread" || call === "discardThread";
      const refusal = isRelease ? null : model.refusalOfWriter(writer);
      await answered(refusal, session.store[call](writer));
      if (refusal === null) tellWriterCall(model, call, writer);
    },
  });
}

function tellWriterCall(model: CommandRun["model"], call: WriterCall, writer: ThreadWriter): void {
  if (call === "persistThread") model.persisted(writer.threadId);
  else if (call !== "flushThread") model.released(writer);
}

function patchCommand({ of, patch }: { readonly of: ThreadChoice; readonly patch: ThreadMetadataPatch }): StoreCommand {
  return storeCommand({
    name: "updateThreadMetadata",
    isPossible: (model) => model.ids.size > 0,
    run: async ({ model, session, say }) => {
      const { id: threadId, code } = pickThread(model, of) ?? fail("there is one");
      say(`await store.updateThreadMetadata({ threadId: ${code}, patch: ${literal(patch)} })`);
      const call = session.store.updateThreadMetadata({ threadId, patch });
      const answer = await answered(model.refusalOfPatch(threadId), call);
      if (answer === undefined) return;
      model.patched(threadId, patch);
      equal(answer.name, model.threads.get(threadId)?.name);
    },
  });
}

function moveCommand({ of, toArchive }: { readonly of: ThreadChoice; readonly toArchive: boolean }): StoreCommand {
  const call = toArchive ? "archiveThread" : "unarchiveThread";
  return storeCommand({
    name: call,
    isPossible: (model) => model.claims.archive && model.ids.size > 0,
    run: async ({ model, session, say }) => {
      const { id, code } = pickThread(model, of) ?? fail("there is one");
      say(`await store.${call}(${code})`);
      const refusal = model.refusalOfMove(id, toArchive);
      await answered<unknown>(refusal, session.store[call](id));
      if (refusal === null) model.moved(id, toArchive);
    },
  });
}

function deleteCommand(of: ThreadChoice): StoreCommand {
  return storeCommand({
    name: "deleteThread",
    isPossible: (model) => {
      const id = pickThread(model, of)?.id;
      return model.claims.delete && id !== undefined && (model.claims.fork !== "reference" || !model.hasForks(id));
    },
    run: async ({ model, session, say }) => {
      const { id, code } = pickThread(model, of) ?? fail("there is one");
      say(`await store.deleteThread(${code})`);
      const refusal = model.refusalOfStored(id);
      await answered(refusal, session.store.deleteThread(id));
      if (refusal === null) model.deleted(id);
    },
  });
}

function reopenCommand(): StoreCommand {
  return storeCommand({
    name: "reopen",
    isPossible: (model) => model.claims.reopen,
    run: async ({ model, session, say }) => {
      say("store = await place.reopen(store)");
      const { place } = session;
      session.store = await (place.reopen?.(session.store) ?? fail("a place that is claimed to be reopened can be"));
      model.reopened();
      await matchesModel(model, session.store);
    },
  });
}

function killCommand(): StoreCommand {
  return storeCommand({
    name: "kill",
    isPossible: (model) => model.claims.crash,
    run: async ({ model, session, say }) => {
      say("await place.kill(store), store = await place.open()");
      const { place } = session;
      await (place.kill?.(session.store) ?? fail("a place that is claimed to crash can"));
      session.store = await place.open();
      model.reopened();
      await matchesModel(model, session.store);
    },
  });
}
