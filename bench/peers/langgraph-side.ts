/**
 * LangGraph's checkpointers, driven with the calls that a graph of one model node makes of them; the graph itself
 * is left out, so that its time is not theirs. A thread's state is its `messages` channel: a question and an answer
 * a turn, the thought and the token usage within the answer.
 *
 * A whole turn is `durability: "exit"`, one checkpoint at its end. A turn in steps is the default: a checkpoint of the
 * input, one of the question, one of the answer, and the two nodes' writes, each pair begun at once. With `isDelta`
 * the channel is a DeltaChannel (beta): writes beside each checkpoint, the state itself every 100th update; only
 * whole turns are measured with it, as it is for their size that one would take it.
 * A single record is one pending write of a checkpoint, which is the least that they can store.
 */
import { createIdSource, type IdSource, systemClock } from "../../src/base/index.ts";
import type { BenchTurn } from "./bench-turn.ts";
import type { PeerPackages } from "./peer-install.ts";
import { PEER_WORKS, type PeerSide, type PeerThread } from "./peer-side.ts";

interface CheckpointConfig {
  readonly configurable: {
    readonly thread_id: string;
    readonly checkpoint_ns: string;
    readonly checkpoint_id?: string;
  };
}

type ChannelVersions = Readonly<Record<string, number>>;

interface Checkpoint {
  readonly v: 4;
  readonly id: string;
  readonly ts: string;
  readonly channel_values: Readonly<Record<string, unknown>>;
  readonly channel_versions: ChannelVersions;
  readonly versions_seen: Readonly<Record<string, ChannelVersions>>;
}

type Write = readonly [channel: string, value: unknown];

/** What a graph uses of a checkpointer. */
export interface CheckpointSaver {
  put(
    config: CheckpointConfig,
    checkpoint: Checkpoint,
    metadata: Readonly<Record<string, unknown>>,
    newVersions: ChannelVersions,
  ): Promise<CheckpointConfig>;
  putWrites(config: CheckpointConfig, writes: readonly Write[], taskId: string): Promise<void>;
  getTuple(
    config: CheckpointConfig,
  ): Promise<{ readonly checkpoint: Checkpoint; readonly config: CheckpointConfig } | undefined>;
  getDeltaChannelHistory(options: {
    readonly config: CheckpointConfig;
    readonly channels: readonly string[];
  }): Promise<
    Readonly<
      Record<string, { readonly writes: readonly (readonly [string, string, unknown])[]; readonly seed?: unknown }>
    >
  >;
}

interface CoreMessages {
  readonly HumanMessage: new (fields: object) => object;
  readonly AIMessage: new (fields: object) => object;
}

interface CheckpointPackage {
  readonly uuid6: (clockSequence: number) => string;
}

/**
 * Turns after which the state is stored whole again: 100 updates, two a turn. The first time after half of it, so that
 * threads of round lengths are read from the middle between two such states, which is what a reader meets on average.
 */
const DELTA_SNAPSHOT_TURNS = 50;
const DELTA_FIRST_TURNS = 25;
/** Node, question and answer each raise the version by one. */
const VERSIONS_A_TURN = 3;

/** A saver that is set up, and what it is called. */
export interface LangGraphOptions {
  readonly saver: CheckpointSaver;
  readonly peers: PeerPackages;
  readonly settings: string;
  readonly isDelta: boolean;
  storedBytes(): Promise<number>;
  close(): Promise<void>;
}

/** The side over a saver. */
export function createLangGraphSide(options: LangGraphOptions): PeerSide {
  const { saver, peers, isDelta, settings, storedBytes, close } = options;
  const messages = peers.load<CoreMessages>("@langchain/core/messages", ["HumanMessage", "AIMessage"]);
  const { uuid6 } = peers.load<CheckpointPackage>("@langchain/langgraph-checkpoint", ["uuid6"]);
  const tools: Tools = { saver, messages, uuid6, ids: createIdSource(systemClock), isDelta };
  return {
    name: isDelta ? "LangGraph, delta" : "LangGraph",
    settings,
    hasOwnBytes: true,
    settle: async () => {},
    works: isDelta ? ["turnAtOnce"] : PEER_WORKS,
    newThread: async () => new LangGraphThread(tools),
    openThread: async (id) => {
      const config = { configurable: { thread_id: id, checkpoint_ns: "" } };
      const tuple = await saver.getTuple(config);
      if (tuple === undefined) throw new Error(`LangGraph has no thread ${id}`);
      const stored = tuple.checkpoint.channel_values["messages"];
      if (stored !== undefined) return lengthOf(stored) / 2;
      const history = await saver.getDeltaChannelHistory({ config: tuple.config, channels: ["messages"] });
      const channel = history["messages"];
      const written = (channel?.writes ?? []).reduce((sum, [, , value]) => sum + lengthOf(value), 0);
      return (lengthOf(channel?.seed) + written) / 2;
    },
    storedBytes,
    close,
  };
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

interface Tools {
  readonly saver: CheckpointSaver;
  readonly messages: CoreMessages;
  readonly uuid6: (clockSequence: number) => string;
  readonly ids: IdSource;
  readonly isDelta: boolean;
}

class LangGraphThread implements PeerThread {
  readonly id: string;
  readonly #tools: Tools;
  #messages: readonly object[] = [];
  #parent: string | undefined;
  #version = 0;
  #step = -1;
  #turns = 0;

  constructor(tools: Tools) {
    this.#tools = tools;
    this.id = tools.ids.next();
  }

  async append(text: string): Promise<void> {
    if (this.#parent === undefined) await this.#put({}, {}, "input");
    const { saver, messages, ids } = this.#tools;
    const written = new messages.AIMessage({ id: ids.next(), content: text });
    await saver.putWrites(this.#config(), [["messages", [written]]], ids.next());
  }

  async turnAtOnce(turn: BenchTurn): Promise<void> {
    const { isDelta, saver, ids } = this.#tools;
    const [question, answer] = this.#messagesOf(turn);
    if (isDelta) {
      // The graph begins a thread with an empty checkpoint: the first writes need one to stand beside.
      if (this.#parent === undefined) await this.#put({}, {}, "loop");
      const writes = [question, answer].map((one) =>
        saver.putWrites(this.#config(), [["messages", [one]]], ids.next()),
      );
      await Promise.all(writes);
    }
    this.#messages = [...this.#messages, question, answer];
    this.#turns += 1;
    this.#version += VERSIONS_A_TURN;
    this.#step += VERSIONS_A_TURN - 1;
    const version = this.#version;
    const versions = { __start__: version - 1, messages: version, "branch:to:model": version };
    await this.#put(this.#channelValues(), versions, "loop");
  }

  async turnInSteps(turn: BenchTurn): Promise<void> {
    const { saver, ids } = this.#tools;
    const [question, answer] = this.#messagesOf(turn);
    const first = this.#version + 1;
    await this.#put({ ...this.#state(), __start__: { messages: [question] } }, { __start__: first }, "input");
    const afterInput = this.#config();
    this.#messages = [...this.#messages, question];
    const started = { __start__: first + 1, messages: first + 1, "branch:to:model": first + 1 };
    await Promise.all([
      saver.putWrites(
        afterInput,
        [
          ["messages", [question]],
          ["branch:to:model", null],
        ],
        ids.next(),
      ),
      this.#put({ ...this.#state(), "branch:to:model": null }, started, "loop"),
    ]);
    const afterQuestion = this.#config();
    this.#messages = [...this.#messages, answer];
    this.#turns += 1;
    const answered = { messages: first + 2, "branch:to:model": first + 2 };
    await Promise.all([
      saver.putWrites(afterQuestion, [["messages", [answer]]], ids.next()),
      this.#put(this.#channelValues(), answered, "loop"),
    ]);
    this.#version = first + 2;
  }

  #messagesOf(turn: BenchTurn): readonly [object, object] {
    const { HumanMessage, AIMessage } = this.#tools.messages;
    return [
      new HumanMessage({ id: `${turn.id}-u`, content: turn.user }),
      new AIMessage({
        id: `${turn.id}-a`,
        content: turn.answer,
        additional_kwargs: { reasoning: turn.thought },
        usage_metadata: { input_tokens: 1_200, output_tokens: 9, total_tokens: 1_209 },
      }),
    ];
  }

  #state(): Readonly<Record<string, unknown>> {
    return this.#tools.isDelta ? {} : { messages: this.#messages };
  }

  /** The state at a turn's end: a DeltaChannel's is stored whole now and then only. */
  #channelValues(): Readonly<Record<string, unknown>> {
    const isWhole = !this.#tools.isDelta || this.#turns % DELTA_SNAPSHOT_TURNS === DELTA_FIRST_TURNS;
    return isWhole ? { messages: this.#messages } : {};
  }

  #config(): CheckpointConfig {
    const parent = this.#parent === undefined ? {} : { checkpoint_id: this.#parent };
    return { configurable: { thread_id: this.id, checkpoint_ns: "", ...parent } };
  }

  /** Stores a checkpoint, which the next ones build on. */
  async #put(values: Checkpoint["channel_values"], versions: ChannelVersions, source: string): Promise<void> {
    const { saver, uuid6 } = this.#tools;
    const seen = this.#version;
    const checkpoint: Checkpoint = {
      v: 4,
      id: uuid6(Math.max(0, this.#step)),
      ts: new Date(systemClock.nowMs()).toISOString(),
      channel_values: values,
      channel_versions: { __start__: seen, messages: seen, "branch:to:model": seen, ...versions },
      versions_seen: { __input__: {}, __start__: { __start__: seen }, model: { "branch:to:model": seen } },
    };
    const config = this.#config();
    this.#parent = checkpoint.id;
    const metadata = { source, step: this.#step, parents: {} };
    this.#step += 1;
    await saver.put(config, checkpoint, metadata, versions);
  }
}
