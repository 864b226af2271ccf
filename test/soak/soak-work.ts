/**
 * The work of a soak, one deed at a time: turns of every kind, steering, interrupts, forks, rollbacks, names, moves
 * in and out of the archive, reads, lists, searches, feeds, unloading and loading again. A deed holds the thread it
 * is about; what it was told is put into the books, and what it finds wrong is kept for the report.
 */
import { sleep } from "../../src/base/index.ts";
import type { RolloutItem } from "../../src/events/index.ts";
import type { ListThreadsParams } from "../../src/store/index.ts";
import type { Runtime, RuntimeThread } from "../../src/runtime/index.ts";
import type { TurnKind } from "./soak-agent.ts";
import type { SoakFeeds } from "./soak-feeds.ts";
import type { CountingClock, Collectables } from "./soak-gauges.ts";
import type { ExpectedThread, ExpectedTurn, SoakModel } from "./soak-model.ts";

/** What deeds are done with. */
export interface SoakStage {
  readonly runtime: Runtime;
  readonly model: SoakModel;
  readonly feeds: SoakFeeds;
  readonly clock: CountingClock;
  readonly handles: Collectables;
  readonly random: () => number;
  readonly problems: string[];
}

/** A deed about a thread that was claimed for it. */
type Deed = (stage: SoakStage, thread: ExpectedThread) => Promise<void>;

interface WeighedDeed {
  readonly name: string;
  readonly weight: number;
  readonly deed: Deed;
}

/** Turns of a thread, taken back or not, behind which it is deleted: logs, and what is folded of them, stay short. */
const TURNS_EVER_MAX = 24;

const TURN_KINDS: readonly TurnKind[] = ["say", "say", "say", "slow", "fail", "ask"];

const DEEDS: readonly WeighedDeed[] = [
  { name: "turn", weight: 30, deed: turn },
  { name: "steer", weight: 4, deed: steer },
  { name: "interrupt", weight: 4, deed: interrupt },
  { name: "unload under a turn", weight: 2, deed: unloadUnderTurn },
  { name: "unload", weight: 4, deed: unload },
  { name: "compact", weight: 1, deed: compact },
  { name: "review", weight: 1, deed: review },
  { name: "rollback", weight: 3, deed: rollback },
  { name: "revert", weight: 3, deed: revert },
  { name: "metadata", weight: 5, deed: setMetadata },
  { name: "archive", weight: 3, deed: archive },
  { name: "read", weight: 8, deed: read },
  { name: "find", weight: 3, deed: find },
  { name: "follow", weight: 6, deed: async ({ feeds }, { id }) => feeds.follow(id) },
  { name: "follow all", weight: 1, deed: async ({ feeds }) => feeds.followAll() },
  { name: "fork", weight: 3, deed: fork },
  { name: "delete", weight: 1, deed: remove },
];

/** Above this many threads for each that is wanted, every other deed deletes one: forks make more than grow old. */
const CROWD = 1.05;

/** What is done next, and to what. */
export interface PlannedDeed {
  readonly name: string;
  run(): Promise<void>;
}

/** Draws the next deed. Below `threadsMin` threads it makes one more often than not. */
export function drawDeed(stage: SoakStage, threadsMin: number): PlannedDeed | undefined {
  const { random, model } = stage;
  if (model.size < threadsMin && random() < 0.8) return { name: "start", run: () => start(stage) };
  if (random() < 0.02) return { name: "list", run: () => list(stage) };
  const crowd = model.size > threadsMin * CROWD && random() < 0.5 ? model.claim(random, () => true) : undefined;
  if (crowd !== undefined) return claimed(stage, crowd, { name: "delete", deed: remove });
  const old = random() < 0.5 ? model.claim(random, ({ turnsEver }) => turnsEver >= TURNS_EVER_MAX) : undefined;
  if (old !== undefined) return claimed(stage, old, { name: "delete", deed: remove });
  const away = random() < 0.1 ? model.claim(random, ({ archived }) => archived) : undefined;
  if (away !== undefined) return claimed(stage, away, { name: "unarchive", deed: unarchive });
  const thread = model.claim(random, ({ archived }) => !archived);
  return thread === undefined ? undefined : claimed(stage, thread, weighed(random));
}

function claimed(
  stage: SoakStage,
  thread: ExpectedThread,
  { name, deed }: Pick<WeighedDeed, "name" | "deed">,
): PlannedDeed {
  const run = async (): Promise<void> => {
    try {
      await deed(stage, thread);
    } finally {
      thread.isClaimed = false;
    }
  };
  return { name, run };
}

function weighed(random: () => number): WeighedDeed {
  let at = random() * DEEDS.reduce((sum, { weight }) => sum + weight, 0);
  const found = DEEDS.find(({ weight }) => (at -= weight) < 0);
  if (found === undefined) throw new Error("weights that don't add up");
  return found;
}

/** A text that no other turn says, its first word telling the agent what to do. */
function textFor({ model }: SoakStage, kind: TurnKind): string {
  return `${kind} needle${String(model.nextNumber()).padStart(8, "0")} of the haystack`;
}

async function load({ runtime, random, handles }: SoakStage, id: string): Promise<RuntimeThread> {
  const thread = runtime.thread(id) ?? (await runtime.resumeThread(id, { excludeTurns: random() < 0.5 }));
  handles.track(thread);
  return thread;
}

async function start(stage: SoakStage): Promise<void> {
  const thread = await stage.runtime.startThread({ cwd: "/work/place" });
  stage.handles.track(thread);
  const text = textFor(stage, "say");
  const { turnId, completed } = await thread.startTurn(text);
  const { status } = await completed;
  const book = stage.model.add(thread.id, []);
  take(stage, book, { id: turnId, status: told(status), texts: [text] });
  book.isClaimed = false;
}

function told(status: string): ExpectedTurn["status"] {
  if (status === "completed" || status === "interrupted" || status === "failed") return status;
  throw new Error(`a turn ended as ${status}`);
}

const ENDS: Readonly<Record<TurnKind, ExpectedTurn["status"]>> = {
  say: "completed",
  slow: "completed",
  ask: "completed",
  listen: "completed",
  fail: "failed",
  wait: "interrupted",
};

/** Puts a turn into the books, and checks that it ended as its kind does. */
function take({ problems }: SoakStage, book: ExpectedThread, ended: ExpectedTurn): void {
  book.turns.push(ended);
  book.turnsEver += 1;
  const [kind] = ended.texts?.[0]?.split(" ") ?? [];
  const wanted = ENDS[kind as TurnKind] ?? "completed";
  if (ended.status !== wanted) problems.push(`${book.id}: a turn that should be ${wanted} is ${ended.status}`);
}

async function turn(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const { random } = stage;
  const thread = await load(stage, book.id);
  const text = textFor(stage, TURN_KINDS[Math.floor(random() * TURN_KINDS.length)] ?? "say");
  const { turnId, completed } = await thread.startTurn(text);
  take(stage, book, { id: turnId, status: told((await completed).status), texts: [text] });
}

async function steer(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const thread = await load(stage, book.id);
  const [text, more] = [textFor(stage, "listen"), textFor(stage, "say")];
  const { turnId, completed } = await thread.startTurn(text);
  let texts: readonly string[] = [text];
  try {
    await thread.steer(turnId, more);
    texts = [text, more];
  } finally {
    take(stage, book, { id: turnId, status: told((await completed).status), texts });
  }
}

async function interrupt(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const thread = await load(stage, book.id);
  const text = textFor(stage, "wait");
  const { turnId, completed } = await thread.startTurn(text);
  if (stage.random() < 0.5) await sleep(stage.clock, 5);
  await thread.interrupt(turnId);
  take(stage, book, { id: turnId, status: told((await completed).status), texts: [text] });
}

/** A turn that runs is interrupted by whatever takes its thread away. */
async function unloadUnderTurn(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const { runtime, random, model } = stage;
  const thread = await load(stage, book.id);
  const text = textFor(stage, "wait");
  const { turnId, completed } = await thread.startTurn(text);
  const way = random();
  if (way < 0.6) await thread.close();
  else if (way < 0.9) await runtime.archiveThread(book.id);
  else await runtime.deleteThread(book.id);
  take(stage, book, { id: turnId, status: told((await completed).status), texts: [text] });
  if (way >= 0.9) model.remove(book);
  else if (way >= 0.6) moved(book, true);
}

async function unload({ runtime }: SoakStage, { id }: ExpectedThread): Promise<void> {
  await runtime.thread(id)?.close();
}

async function compact(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const { turnId, completed } = await (await load(stage, book.id)).compact();
  take(stage, book, { id: turnId, status: told((await completed).status), texts: null });
}

async function review(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const thread = await load(stage, book.id);
  const { turnId, completed } = await thread.review({ type: "custom", instructions: "look at it" });
  take(stage, book, { id: turnId, status: told((await completed).status), texts: null });
}

async function rollback(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const thread = await load(stage, book.id);
  const count = 1 + Math.floor(stage.random() * 3);
  await thread.rollback(count);
  book.turns.splice(Math.max(0, book.turns.length - count));
}

async function revert(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const at = Math.floor(stage.random() * book.turns.length);
  const before = book.turns[at];
  if (before === undefined) return;
  await (await load(stage, book.id)).revert(before.id);
  book.turns.splice(at);
}

async function setMetadata({ runtime, random }: SoakStage, book: ExpectedThread): Promise<void> {
  const name = random() < 0.2 ? null : `name ${Math.floor(random() * 1e6)}`;
  const branch = random() < 0.3 ? null : "main";
  await runtime.updateMetadata(book.id, random() < 0.5 ? { name } : { name, git: { branch }, memoryMode: "disabled" });
  book.name = name;
}

function moved(book: ExpectedThread, archived: boolean): void {
  book.archived = archived;
  book.moves += 1;
}

async function archive({ runtime }: SoakStage, book: ExpectedThread): Promise<void> {
  await runtime.archiveThread(book.id);
  moved(book, true);
}

async function unarchive({ runtime }: SoakStage, book: ExpectedThread): Promise<void> {
  await runtime.unarchiveThread(book.id);
  moved(book, false);
}

async function fork(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const { runtime, random, model, handles } = stage;
  const at = random() < 0.5 ? undefined : Math.floor(random() * book.turns.length);
  const before = at === undefined ? undefined : book.turns[at];
  const copy = await runtime.forkThread(book.id, before === undefined ? {} : { beforeTurnId: before.id });
  handles.track(copy);
  const copied = model.add(copy.id, before === undefined ? book.turns : book.turns.slice(0, at));
  copied.isClaimed = false;
}

async function remove({ runtime, model }: SoakStage, book: ExpectedThread): Promise<void> {
  await runtime.deleteThread(book.id);
  model.remove(book);
}

async function read({ runtime, random, problems }: SoakStage, book: ExpectedThread): Promise<void> {
  const way = random();
  const threadId = book.id;
  if (way < 0.2) await runtime.listItems({ threadId, limit: 10 });
  else if (way < 0.6) {
    const { data } = await runtime.listTurns({ threadId, limit: 3, itemsView: random() < 0.5 ? "full" : "summary" });
    const wanted = book.turns.slice(-3).toReversed();
    const ids = wanted.map(({ id }) => id).join();
    if (data.map(({ id }) => id).join() !== ids) problems.push(`${threadId}: its newest turns are not ${ids}`);
  } else {
    const wasLoaded = runtime.thread(threadId) !== undefined;
    const { turns } = await runtime.readThread(threadId, { includeTurns: true });
    const ids = new Set(turns.map(({ id }) => id));
    const missing = book.turns.filter(({ id }) => !ids.has(id));
    if (turns.length === book.turns.length && missing.length === 0) return;
    const again = await runtime.readThread(threadId, { includeTurns: true });
    const { records } = await runtime.store.loadHistory({ threadId });
    problems.push(
      `${threadId} (${wasLoaded ? "loaded" : "not loaded"}): ${turns.length} turns are read, ${again.turns.length} when ` +
        `read again, and ${book.turns.length} were acknowledged; missing ${JSON.stringify(missing)}; its log: ` +
        records.map(({ ordinal, timestamp, item }) => `${ordinal} ${timestamp} ${kindOf(item)}`).join(", "),
    );
  }
}

function kindOf(item: RolloutItem): string {
  if (item.type !== "event_msg") return item.type;
  const { type, turn_id: turnId, num_turns: turns, before_turn_id: before } = item.payload;
  const names = [turnId, turns, before].filter((part) => part !== undefined);
  return names.length === 0 ? type : `${type} ${JSON.stringify(names)}`;
}

/** What was just said is found. */
async function find(stage: SoakStage, book: ExpectedThread): Promise<void> {
  const { runtime, problems } = stage;
  await turn(stage, book);
  const needle = book.turns.at(-1)?.texts?.[0]?.split(" ")[1] ?? "";
  const { data } = await runtime.searchThreads({ query: needle });
  if (data.every(({ thread }) => thread.id !== book.id)) problems.push(`${book.id}: ${needle} is not found`);
}

/** All pages of a list: no thread twice, and none left out that was there all the time. */
async function list({ runtime, model, random, problems }: SoakStage): Promise<void> {
  const sortKey = (["created_at", "updated_at", "recency_at"] as const)[Math.floor(random() * 3)] ?? "created_at";
  const params: ListThreadsParams = { sortKey, limit: 100, sortDirection: random() < 0.5 ? "asc" : "desc" };
  const before = model.threads
    .filter(({ archived, isClaimed }) => !archived && !isClaimed)
    .map((thread) => ({ thread, moves: thread.moves }));
  const seen = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await runtime.listThreads({ ...params, ...(cursor === undefined ? {} : { cursor }) });
    for (const { id } of page.data) {
      if (seen.has(id)) problems.push(`${id} is listed twice by ${sortKey}`);
      seen.add(id);
    }
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  for (const { thread, moves } of before) {
    const stayed = model.get(thread.id) === thread && !thread.isClaimed && thread.moves === moves;
    if (stayed && !seen.has(thread.id)) problems.push(`${thread.id} is left out of a list by ${sortKey}`);
  }
}
