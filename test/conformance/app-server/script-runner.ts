/**
 * Runs a script against an app-server command and gives the transcript, normalised, and the messages as they
 * came. Where the script waits until nothing more comes, it waits for what `isComplete` says is still to come,
 * then a moment more: with a fast server a scenario takes a second, and a slow machine decides nothing.
 */
import { sleep, systemClock } from "../../../src/base/index.ts";
import { type AppServerCommand, AppServerProcess } from "./app-server-process.ts";
import { fillStep, type ScriptStep } from "./script.ts";
import type { Message, TranscriptEntry } from "./transcript.ts";
import { type RunFolders, TranscriptNormaliser } from "./transcript-normaliser.ts";

/** What a run of a script needs. */
export interface ScriptRunOptions {
  readonly command: AppServerCommand;
  readonly folders: RunFolders;
  /** `${env.NAME}` in the script. */
  readonly env: Readonly<Record<string, string>>;
  /** Makes a thread as another program would, on the same home. */
  readonly runElsewhere: (thread: ElsewhereThread) => Promise<void>;
  /** Whether everything came that was to come. Told how many messages were sent when the stretch began and by now. */
  readonly isComplete: (stretch: Stretch) => boolean;
  /** How long nothing may come before a stretch counts as over. */
  readonly quietMs: number;
}

/** A thread that another program is to make. */
export interface ElsewhereThread {
  readonly text: string;
  /** The provider of its model; null for `codex exec` with the usual one. */
  readonly provider: string | null;
}

/** What came since the script last waited for quiet. */
export interface Stretch {
  readonly sentBefore: number;
  readonly sentByNow: number;
  readonly received: readonly Message[];
}

/** A message that was received. */
export interface Exchanged {
  readonly message: Message;
  /** The method that an answer answers; null for what answers nothing. */
  readonly request: string | null;
}

/** What a run gave. */
export interface ScriptRun {
  readonly transcript: readonly TranscriptEntry[];
  /** Everything that was received, as it came, in order. */
  readonly exchanged: readonly Exchanged[];
  /** What the processes wrote to their standard error. */
  readonly stderr: string;
}

const ANSWER_MS_MAX = 30_000;
const STRETCH_MS_MAX = 20_000;
/** Once something did not come, the rest is not waited for as long: the run has failed, and is to say how. */
const IMPATIENT_STRETCH_MS_MAX = 1_000;
const CLIENT = { name: "drive", title: "Drive", version: "0.0.1" };

/** Runs the steps in order, with a process of its own. */
export async function runScript(steps: readonly ScriptStep[], options: ScriptRunOptions): Promise<ScriptRun> {
  const runner = new ScriptRunner(options);
  try {
    for (const step of steps) await runner.step(step);
  } finally {
    await runner.end();
  }
  return runner.result();
}

class ScriptRunner {
  readonly #options: ScriptRunOptions;
  readonly #normaliser: TranscriptNormaliser;
  readonly #transcript: TranscriptEntry[] = [];
  readonly #received: Message[] = [];
  readonly #exchanged: Exchanged[] = [];
  readonly #methods = new Map<unknown, unknown>();
  readonly #values: Record<string, unknown>;
  readonly #open = new Map<string, Promise<Message>>();
  #process: AppServerProcess;
  #stderr = "";
  #patienceMs = STRETCH_MS_MAX;
  #sent = 0;
  #stretch = { sentBefore: 0, receivedBefore: 0 };
  /** Where `waitFor` looks from: what was received before the last request. */
  #mark = 0;

  constructor(options: ScriptRunOptions) {
    this.#options = options;
    this.#normaliser = new TranscriptNormaliser(options.folders);
    this.#values = { env: options.env };
    this.#process = this.#start();
  }

  async step(unfilled: ScriptStep): Promise<void> {
    const step = fillStep(unfilled, this.#values);
    if (step.note !== undefined) this.#tell({ kind: "note", text: step.note });
    if (step.init !== undefined) await this.#initialize(step.init);
    if (step.line !== undefined) this.#process.writeLine(step.line);
    if (step.notify !== undefined) this.#process.notify(step.notify, step.params);
    if (step.send !== undefined) await this.#send(step, step.send);
    if (step.await !== undefined) await this.#open.get(step.await);
    if (unfilled.turn !== undefined) await this.#turn(step, step.turn);
    if (step.waitFor !== undefined) await this.#waitFor(step.waitFor);
    if (step.exec !== undefined) await this.#options.runElsewhere({ text: step.exec, provider: null });
    if (step.provider !== undefined) {
      await this.#options.runElsewhere({ text: step.text ?? "", provider: step.provider });
    }
    if (step.sleep !== undefined) await sleep(systemClock, step.sleep);
    if (step.settle !== undefined || step.line !== undefined) await this.#settle();
    if (step.restart !== undefined) await this.#restart();
  }

  async end(): Promise<void> {
    await this.#settle();
    await this.#close();
  }

  result(): ScriptRun {
    return { transcript: this.#transcript, exchanged: this.#exchanged, stderr: this.#stderr };
  }

  #start(): AppServerProcess {
    return new AppServerProcess(this.#options.command, {
      sent: (message) => {
        this.#sent += 1;
        this.#methods.set(message?.["id"], message?.["method"]);
        this.#tell({ kind: "sent", message });
      },
      received: (message) => {
        this.#received.push(message);
        const method = message["method"] === undefined ? this.#methods.get(message["id"]) : undefined;
        this.#exchanged.push({ message, request: typeof method === "string" ? method : null });
        this.#tell({ kind: "received", message });
      },
    });
  }

  #tell(entry: TranscriptEntry): void {
    this.#transcript.push(this.#normaliser.entry(entry));
  }

  async #initialize(capabilities: ScriptStep["init"]): Promise<void> {
    const asked = capabilities === true ? { experimentalApi: true } : capabilities;
    await this.#process.request("initialize", { clientInfo: CLIENT, capabilities: asked }, ANSWER_MS_MAX);
    this.#process.notify("initialized");
  }

  async #send(step: ScriptStep, method: string): Promise<void> {
    this.#mark = this.#received.length;
    const answer = this.#process.request(method, step.params, step.timeout ?? ANSWER_MS_MAX);
    if (step.nowait !== undefined) {
      this.#open.set(step.as ?? "", answer);
      return;
    }
    const message = await answer;
    if (step.as !== undefined) this.#values[step.as] = message;
  }

  async #turn(step: ScriptStep, threadId: string | undefined): Promise<void> {
    const input = step.input ?? [{ type: "text", text: step.text, text_elements: [] }];
    this.#mark = this.#received.length;
    const mark = this.#mark;
    const answer = await this.#process.request("turn/start", { threadId, input }, ANSWER_MS_MAX);
    const turnId = memberAt(answer, ["result", "turn", "id"]);
    if (turnId === undefined) return;
    const isEnd = (message: Message): boolean =>
      message["method"] === "turn/completed" && memberAt(message, ["params", "turn", "id"]) === turnId;
    await this.#process.waitUntil(() => this.#received.slice(mark).some(isEnd), ANSWER_MS_MAX);
  }

  async #waitFor(method: string): Promise<void> {
    const mark = this.#mark;
    const isThere = (): boolean => this.#received.slice(mark).some((message) => message["method"] === method);
    await this.#process.waitUntil(isThere, STRETCH_MS_MAX);
  }

  async #settle(): Promise<void> {
    const { sentBefore, receivedBefore } = this.#stretch;
    const isComplete = (): boolean => {
      const received = this.#received.slice(receivedBefore);
      return this.#options.isComplete({ sentBefore, sentByNow: this.#sent, received });
    };
    const isWhole = await this.#process.waitUntil(isComplete, this.#patienceMs);
    if (!isWhole) this.#patienceMs = IMPATIENT_STRETCH_MS_MAX;
    await this.#process.waitUntilQuiet(this.#options.quietMs, STRETCH_MS_MAX);
    this.#tell({ kind: "settled" });
    this.#stretch = { sentBefore: this.#sent, receivedBefore: this.#received.length };
  }

  async #close(): Promise<void> {
    this.#tell({ kind: "exited", code: await this.#process.close() });
    this.#stderr += this.#process.stderr;
  }

  async #restart(): Promise<void> {
    await this.#settle();
    await this.#close();
    this.#tell({ kind: "settled" });
    this.#stretch = { sentBefore: this.#sent, receivedBefore: this.#received.length };
    this.#process = this.#start();
    await this.#initialize(true);
  }
}

function memberAt(message: Message, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  }, message);
}
