/**
 * The peer as a running process: `codex app-server` on a home, spoken to over its standard input and
 * output, one JSON message a line. It can reach loopback only: every proxy variable points at a port
 * where nobody listens. Everything waits a bounded time, and the process is ended by its own pid.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { systemClock } from "../../src/base/index.ts";

/** Parameters and answers are open JSON: what is in them is what is being tested. */
export type Answer = Readonly<Record<string, unknown>>;

export interface Notification {
  readonly method: string;
  readonly params: Answer;
}

export interface CodexPeerOptions {
  /** The native program. */
  readonly program: string;
  readonly home: string;
  /** Working folder of the process. */
  readonly cwd: string;
  /** The model's endpoint, written to the home's config.toml. */
  readonly baseUrl: string;
}

const ANSWER_MS_MAX = 40_000;
const STOP_MS_MAX = 10_000;
const NOTIFICATIONS_MAX = 100_000;
const STDERR_CHARS_MAX = 20_000;

/** An error answer of the peer, or no answer in time. */
export class PeerError extends Error {
  override readonly name = "PeerError";
}

interface Pending {
  readonly method: string;
  readonly resolve: (result: Answer) => void;
  readonly reject: (error: Error) => void;
}

/** One app-server process. Close it whatever happens. */
export class CodexPeer {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #exited: Promise<void>;
  readonly #pending = new Map<number, Pending>();
  readonly #notifications: Notification[] = [];
  readonly #watchers = new Set<() => void>();
  #nextId = 1;
  #buffered = "";
  #stderr = "";
  #hasExited = false;

  private constructor(options: CodexPeerOptions) {
    const child = spawn(options.program, ["app-server"], {
      cwd: options.cwd,
      env: peerEnvironment(options.home),
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.#process = child;
    child.stdout.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARS_MAX);
    });
    child.stdin.on("error", () => this.#failPending("its input is closed"));
    this.#exited = new Promise((resolve) => {
      const ended = (reason: string): void => {
        this.#hasExited = true;
        this.#failPending(reason);
        resolve();
      };
      child.once("error", (error) => ended(error.message));
      child.once("exit", (code, signal) => ended(`it ended (${signal ?? code}): ${this.#stderr.slice(-500)}`));
    });
  }

  /** Writes the home's config.toml (the model's port is this run's), starts the process and shakes hands. */
  static async open(options: CodexPeerOptions): Promise<CodexPeer> {
    await writeCodexConfig(options.home, options.baseUrl);
    const peer = new CodexPeer(options);
    try {
      const clientInfo = { name: "skein-conformance", title: "Skein", version: "1.0.0" };
      await peer.request("initialize", { clientInfo, capabilities: { experimentalApi: true } });
    } catch (error) {
      await peer.close();
      throw error;
    }
    return peer;
  }

  /** Sends a request and gives its result; throws a PeerError with the peer's own words. */
  request(method: string, params: object): Promise<Answer> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise((resolve, reject) => {
      if (this.#hasExited) {
        reject(new PeerError(`${method}: codex is not running`));
        return;
      }
      const timer = systemClock.setTimer(ANSWER_MS_MAX, () => {
        this.#pending.delete(id);
        reject(new PeerError(`${method}: no answer in ${ANSWER_MS_MAX} ms`));
      });
      const settle = (finish: () => void): void => {
        timer.cancel();
        this.#pending.delete(id);
        finish();
      };
      this.#pending.set(id, {
        method,
        resolve: (result) => settle(() => resolve(result)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#process.stdin.write(`${JSON.stringify({ method, id, params })}\n`);
    });
  }

  /** How many notifications came so far: a mark to wait from. */
  get mark(): number {
    return this.#notifications.length;
  }

  /** The first notification since `mark` that fits. */
  waitFor(mark: number, fits: (notification: Notification) => boolean): Promise<Notification> {
    return new Promise((resolve, reject) => {
      const done = (finish: () => void): void => {
        timer.cancel();
        this.#watchers.delete(look);
        finish();
      };
      let seen = mark;
      const look = (): void => {
        for (; seen < this.#notifications.length; seen += 1) {
          const notification = this.#notifications[seen];
          if (notification !== undefined && fits(notification)) {
            done(() => resolve(notification));
            return;
          }
        }
        if (this.#hasExited) done(() => reject(new PeerError("codex ended while it was waited for")));
      };
      const timer = systemClock.setTimer(ANSWER_MS_MAX, () =>
        done(() => reject(new PeerError(`no fitting notification in ${ANSWER_MS_MAX} ms`))),
      );
      this.#watchers.add(look);
      look();
    });
  }

  /** Closes its input, which is how it is asked to end; kills it when it doesn't. */
  async close(): Promise<void> {
    this.#process.stdin.end();
    const timer = systemClock.setTimer(STOP_MS_MAX, () => this.#process.kill("SIGKILL"));
    await this.#exited;
    timer.cancel();
  }

  /** Kills it at once. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#exited;
  }

  #receive(text: string): void {
    const lines = (this.#buffered + text).split("\n");
    this.#buffered = lines.pop() ?? "";
    for (const line of lines) this.#receiveLine(line);
    for (const look of this.#watchers) look();
  }

  #receiveLine(line: string): void {
    const message = JSON.parse(line) as Answer;
    const { id, method } = message;
    if (typeof method === "string") {
      if (this.#notifications.length >= NOTIFICATIONS_MAX) this.#process.kill("SIGKILL");
      this.#notifications.push({ method, params: (message["params"] ?? {}) as Answer });
      return;
    }
    const pending = typeof id === "number" ? this.#pending.get(id) : undefined;
    if (pending === undefined) return;
    const error = message["error"] as { message?: string } | undefined;
    if (error === undefined) pending.resolve(message["result"] as Answer);
    else pending.reject(new PeerError(`${pending.method}: ${error.message ?? JSON.stringify(error)}`));
  }

  #failPending(reason: string): void {
    for (const pending of this.#pending.values()) pending.reject(new PeerError(`${pending.method}: ${reason}`));
    for (const look of this.#watchers) look();
  }
}

/** What the peer's process sees: its home, and nobody to reach but loopback. */
export function peerEnvironment(home: string): NodeJS.ProcessEnv {
  const nowhere = "http://127.0.0.1:9";
  const proxies = { HTTP_PROXY: nowhere, HTTPS_PROXY: nowhere, ALL_PROXY: nowhere };
  const environment = { PATH: process.env["PATH"], TZ: process.env["TZ"], LANG: process.env["LANG"] };
  return { ...environment, ...proxies, NO_PROXY: "127.0.0.1", HOME: home, CODEX_HOME: home };
}

/**
 * Makes the home one of Codex: it exists, and its config.toml names the model on loopback. `more` goes to the
 * end of the file, which is the section of features.
 */
export async function writeCodexConfig(home: string, baseUrl: string, more = ""): Promise<void> {
  await mkdir(home, { recursive: true });
  await writeFile(join(home, "config.toml"), configToml(baseUrl) + more);
}

/** Asks nobody, tells nobody, and takes its model from `baseUrl`. */
function configToml(baseUrl: string): string {
  return `model = "mock-model"
model_provider = "mock"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false

[analytics]
enabled = false

[feedback]
enabled = false

[model_providers.mock]
name = "Mock"
base_url = "${baseUrl}"
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
supports_websockets = false

[features]
plugins = false
apps = false
shell_snapshot = false
`;
}
