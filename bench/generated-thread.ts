/**
 * One generated thread as the text of its rollout: what Codex writes over the life of a thread, turn after
 * turn until it has its size. With the context of a first turn, interrupted turns, rollbacks, a compaction
 * about every 150 turns, and now and then a second session_meta, as a change of git or memory mode leaves
 * one. It draws everything from the source that it is given; it touches no disk.
 */
import { createIdSource, type IdSource, systemClock } from "../src/base/index.ts";
import { type AppendableItem, encodeLine, type SessionMeta } from "../src/events/index.ts";
import type { SeededSource } from "./seeded-source.ts";
import {
  answerItems,
  callItems,
  event,
  message,
  textMessage,
  tokenCount,
  turnContext,
  userItems,
} from "./turn-records.ts";

/** What a thread is made from. */
export interface ThreadRecipe {
  /** Its first record; the id is a UUID. */
  readonly meta: SessionMeta;
  /** Size to reach; a thread ends with the turn that reaches it. */
  readonly bytes: number;
  /** How many turns are shown at the end. Absent: as many as the size holds. */
  readonly turns?: number;
  /** The thread that this one begins as a copy of, behind its own session_meta. */
  readonly forkOf?: ThreadText;
  /** First words of its first message, where it is no fork. */
  readonly opening: string;
  /** A word that one answer in the middle holds. */
  readonly word?: string;
}

/** A rollout's text, and what is in it. */
export interface ThreadText {
  readonly text: string;
  /** Turns that are shown, those of a fork's source among them. */
  readonly turns: number;
  /** Time of the last record. */
  readonly updatedAtMs: number;
}

const TURNS_BETWEEN_COMPACTIONS = 150;
/** What Codex keeps of the user's messages in a compaction, about. */
const KEPT_MESSAGES_CHARS = 60_000;
const SMALLEST_TURN_BYTES = 4_000;
const LARGEST_TURN_BYTES = 60_000;
/** Below this a turn of average size would overshoot its thread's size more than it would fill it. */
const END_BYTES = 2_500;
const PERMISSIONS = `<permissions instructions>\nFilesystem sandboxing defines which files can be read or written. \`sandbox_mode\` is \`danger-full-access\`: No filesystem sandboxing - all commands are permitted. Network access is enabled.\nApproval policy is currently never.\n</permissions instructions>`;
const SUMMARY_PREFIX =
  "Another language model started to solve this problem and produced a summary of its thinking process. Use this to build on the work that has already been done and avoid duplicating work. Here is the summary:\n";

/** Makes the thread's text. */
export function generateThread(recipe: ThreadRecipe, source: SeededSource): ThreadText {
  return new GeneratedThread(recipe, source).write();
}

class GeneratedThread {
  readonly #recipe: ThreadRecipe;
  readonly #source: SeededSource;
  readonly #ids: IdSource;
  readonly #lines: string[] = [];
  readonly #messages: string[] = [];
  #chars = 0;
  #timeMs: number;
  #turns = 0;
  #made = 0;
  #tokens = 0;

  constructor(recipe: ThreadRecipe, source: SeededSource) {
    this.#recipe = recipe;
    this.#source = source;
    this.#timeMs = Date.parse(recipe.meta.timestamp);
    const clock = { ...systemClock, nowMs: (): number => this.#timeMs };
    this.#ids = createIdSource(clock, (count) => Uint8Array.from({ length: count }, () => source.random() * 256));
  }

  write(): ThreadText {
    const { meta, forkOf, word, turns: turnsWanted = Infinity } = this.#recipe;
    this.#add({ type: "session_meta", payload: meta });
    if (forkOf !== undefined) this.#copy(forkOf);
    const wordAt = word === undefined ? Infinity : this.#recipe.bytes / 2;
    let hasWord = false;
    while (this.#wantsMore(turnsWanted)) {
      const isWordDue: boolean = !hasWord && this.#chars >= wordAt;
      this.#turn(this.#nextTurnBytes(turnsWanted), isWordDue ? word : undefined);
      hasWord ||= isWordDue;
      if (this.#made % TURNS_BETWEEN_COMPACTIONS === 0 && this.#turns < turnsWanted) this.#compact();
      else if (this.#turns > 3 && this.#isChosen(0.006)) this.#rollBack(this.#isChosen(0.7) ? 1 : 2);
      if (this.#isChosen(0.003)) this.#changeMetadata();
    }
    // A word that was due past the end, as in a thread of one turn.
    if (word !== undefined && !hasWord) this.#turn(SMALLEST_TURN_BYTES, word);
    return { text: this.#lines.join(""), turns: this.#turns, updatedAtMs: this.#timeMs };
  }

  #isChosen(share: number): boolean {
    return this.#source.random() < share;
  }

  #wantsMore(turnsWanted: number): boolean {
    if (turnsWanted !== Infinity) return this.#turns < turnsWanted;
    return this.#made === 0 || this.#recipe.bytes - this.#chars > END_BYTES;
  }

  /** Turns differ in size; those of a thread whose turns are counted fill what is left, on average. */
  #nextTurnBytes(turnsWanted: number): number {
    const left = this.#recipe.bytes - this.#chars;
    if (turnsWanted === Infinity) return Math.min(left, this.#source.size(SMALLEST_TURN_BYTES, LARGEST_TURN_BYTES));
    return (left / (turnsWanted - this.#turns)) * (0.3 + 1.4 * this.#source.random());
  }

  #add(...items: readonly AppendableItem[]): void {
    for (const item of items) {
      this.#timeMs += Math.round(this.#source.random() * 900);
      const line = encodeLine(item, new Date(this.#timeMs).toISOString());
      this.#lines.push(line);
      this.#chars += line.length;
    }
  }

  /** A fork's lines are the source's with the time of the copy. */
  #copy({ text, turns }: ThreadText): void {
    const timestamp = new Date(this.#timeMs).toISOString();
    const copied = text.replaceAll(/^\{"timestamp":"[^"]*"/gm, `{"timestamp":"${timestamp}"`);
    this.#lines.push(copied);
    this.#chars += copied.length;
    this.#turns += turns;
    this.#made += turns;
  }

  #turn(bytes: number, word?: string): void {
    const source = this.#source;
    const end = this.#chars + bytes;
    const turnId = this.#begin();
    const ask = `${this.#made === 0 ? `${this.#recipe.opening} ` : ""}${source.text(source.size(20, 400)).trim()}`;
    this.#messages.push(ask);
    if (this.#made === 0) this.#addContext();
    this.#add(turnContext(turnId, this.#recipe.meta.cwd, new Date(this.#timeMs).toISOString().slice(0, 10)));
    this.#add(...userItems(ask), event("token_count", { info: null, rate_limits: null }));
    const answer = source.text(source.size(100, Math.max(200, Math.min(3_000, bytes / 4)))).trim();
    const answerBytes = 3 * answer.length + 1_500;
    for (let call = 0; this.#chars + answerBytes < end; call += 1) {
      this.#tokens += 2_000;
      this.#add(...callItems(`call_${turnId.slice(-12)}_${call}`, turnId, source));
    }
    this.#made += 1;
    this.#turns += 1;
    const isAborted = this.#made > 1 && word === undefined && this.#isChosen(0.03);
    if (isAborted) this.#abort(turnId);
    else this.#finish(turnId, word === undefined ? answer : `${answer} ${word}.`);
  }

  /** Starts a turn some time after the one before. */
  #begin(): string {
    this.#timeMs += this.#source.size(20_000, 3_600_000);
    const turnId = this.#ids.next();
    const startedAt = Math.floor(this.#timeMs / 1_000);
    const mode = { model_context_window: 258_400, collaboration_mode_kind: "default" };
    this.#add(event("task_started", { turn_id: turnId, started_at: startedAt, ...mode }));
    return turnId;
  }

  /** What the model is told before a thread's first message, and again after a compaction. */
  #addContext(): void {
    const { cwd } = this.#recipe.meta;
    const skills = `<skills_instructions>\n${this.#source.text(4_300)}\n</skills_instructions>`;
    const content = [PERMISSIONS, skills].map((text) => ({ type: "input_text", text }));
    this.#add(
      { type: "response_item", payload: { type: "message", role: "developer", content } },
      message("user", `<environment_context>\n  <cwd>${cwd}</cwd>\n  <shell>bash</shell>\n</environment_context>`),
    );
  }

  #finish(turnId: string, answer: string | null): void {
    if (answer !== null) this.#add(...answerItems(answer));
    this.#tokens += 1_500;
    const completedAt = Math.floor(this.#timeMs / 1_000);
    const members = { last_agent_message: answer, completed_at: completedAt, duration_ms: 40_000 };
    this.#add(tokenCount(this.#tokens), event("task_complete", { turn_id: turnId, ...members }));
  }

  #abort(turnId: string): void {
    const completedAt = Math.floor(this.#timeMs / 1_000);
    const members = { reason: "interrupted", completed_at: completedAt, duration_ms: 20_000 };
    this.#add(
      message("user", "<turn_aborted>\nThe user interrupted the previous turn on purpose.\n</turn_aborted>"),
      event("turn_aborted", { turn_id: turnId, ...members }),
    );
  }

  /** A turn of its own: the user's newest messages and a summary stand for all that was before. */
  #compact(): void {
    const turnId = this.#begin();
    const summary = `${SUMMARY_PREFIX}${this.#source.text(3_000)}`;
    const history = [...this.#newestMessages(), summary].map((text) => textMessage("user", text));
    this.#add(
      { type: "compacted", payload: { message: summary, replacement_history: history } },
      event("context_compacted"),
    );
    this.#finish(turnId, null);
    this.#turns += 1;
    this.#addContext();
  }

  #newestMessages(): readonly string[] {
    let begin = this.#messages.length;
    for (let chars = 0; begin > 0 && chars < KEPT_MESSAGES_CHARS; begin -= 1) {
      chars += this.#messages[begin - 1]?.length ?? 0;
    }
    return this.#messages.slice(begin);
  }

  #rollBack(count: number): void {
    this.#add(tokenCount(this.#tokens), event("thread_rolled_back", { num_turns: count }));
    this.#turns -= count;
  }

  #changeMetadata(): void {
    const git = { commit_hash: "0123456789abcdef0123456789abcdef01234567", branch: `topic/${this.#made}` };
    const change: Partial<SessionMeta> = this.#isChosen(0.5) ? { git } : { memory_mode: "disabled" };
    this.#add({ type: "session_meta", payload: { ...this.#recipe.meta, ...change } });
  }
}
