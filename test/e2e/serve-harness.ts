/**
 * The built `skein serve` as a process of its own, and clients that speak to it in plain frames: nothing of the
 * package's client is used, so that what is seen is what goes over the wire. All of it is gone after the test.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { join } from "node:path";

import { onTestFinished } from "vitest";
import { WebSocket } from "ws";

import { projectRoot } from "../../scripts/source-files.ts";
import { assert, sleep, systemClock } from "../../src/base/index.ts";
import type {
  NotificationMethod,
  NotificationParams,
  RequestMethod,
  RequestResult,
} from "../../src/server/protocol/index.ts";
import { skeinEnvironment } from "../support/skein-process.ts";

const WAIT_MS_MAX = 50_000;
const LAUNCHER = join(projectRoot, "bin", "skein.mjs");

/** A message of the protocol, as a test looks at it. */
export interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly code: number; readonly message: string };
}

/** Waits until the condition holds, and gives what it gave. */
export async function until<Value>(condition: () => Value | undefined | false, what: () => string): Promise<Value> {
  const end = systemClock.monotonicMs() + WAIT_MS_MAX;
  for (;;) {
    const value = condition();
    if (value !== undefined && value !== false) return value;
    assert(systemClock.monotonicMs() < end, `waited in vain: ${what()}`);
    await sleep(systemClock, 5);
  }
}

/** A process that serves. */
export interface ServeProcess {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly said: { readonly stdout: string; readonly stderr: string };
  /** The addresses it listens at, once it does; for a server with `--json` and without stdio. */
  addresses(): Promise<readonly string[]>;
  /** Resolves with how it ended: an exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
  hasEnded(): boolean;
  /** Sends a signal and waits for the end. */
  stop(signal?: NodeJS.Signals): Promise<number | string>;
  residentBytes(): number;
}

/** How a process is started. */
export interface ServeOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Another program than the launcher. */
  readonly command?: readonly string[];
  /** In a process group of its own, as a shell starts it. */
  readonly isGroup?: boolean;
}

/** Starts the built `skein` with these arguments, "serve" before them. */
export function startServe(args: readonly string[], options: ServeOptions): ServeProcess {
  const { cwd, env, command = [LAUNCHER, "serve"], isGroup = false } = options;
  const child = spawn(process.execPath, [...command, ...args], {
    cwd,
    env: skeinEnvironment(env),
    stdio: ["pipe", "pipe", "pipe"],
    detached: isGroup,
  });
  child.stdin.on("error", () => {});
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  let isEnded = false;
  const ended = once(child, "exit").then(([code, signal]) => {
    isEnded = true;
    return (code ?? signal) as number | string;
  });
  onTestFinished(() => {
    if (!isEnded) child.kill("SIGKILL");
  });
  assert(child.pid !== undefined, "the process has started");
  const { pid } = child;
  return {
    child,
    pid,
    said,
    ended,
    hasEnded: () => isEnded,
    addresses: async () => {
      const line = await until(
        () => (isEnded ? "" : /^\{"listening":.*\}$/m.exec(said.stdout)?.[0]),
        () => `it never listened; ${said.stderr}`,
      );
      assert(line !== "", `it ended: ${said.stderr}`);
      return (JSON.parse(line) as { listening: string[] }).listening;
    },
    stop: async (signal = "SIGTERM") => {
      child.kill(signal);
      return await ended;
    },
    residentBytes: () => residentBytesOf(pid),
  };
}

/** What the process has in memory, from the kernel. */
function residentBytesOf(pid: number): number {
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kib) * 1024;
}

/** A client that speaks frames. */
export interface WireClient {
  /** All that came, in its order. */
  readonly messages: readonly Message[];
  sendText(text: string): void;
  /** Asks, and gives the answer, whatever it is. */
  ask(method: string, params: unknown, id?: number | string): Promise<Message>;
  /** Asks, and gives the result; fails where it is refused. */
  call<Method extends RequestMethod>(method: Method, params?: unknown): Promise<RequestResult<Method>>;
  /** The first message that fits, which may have come already. */
  see(fits: (message: Message) => boolean, what?: string): Promise<Message>;
  /** The parameters of the first notification of this method about this thread (or any). */
  hear<Method extends NotificationMethod>(method: Method, threadId?: string): Promise<NotificationParams<Method>>;
  /** Those of all notifications of this method so far. */
  heard<Method extends NotificationMethod>(method: Method): readonly NotificationParams<Method>[];
  initialize(): Promise<void>;
  /** How it was closed: code and reason of a WebSocket, else "ended". */
  readonly closed: Promise<string>;
  isClosed(): boolean;
  pause(): void;
  resume(): void;
  /** Gone without a word. */
  vanish(): void;
}

interface Wire {
  send(text: string): void;
  pause(): void;
  resume(): void;
  vanish(): void;
}

function createClient(open: (heard: (text: string) => void, closed: (how: string) => void) => Wire): WireClient {
  const messages: Message[] = [];
  const closed = Promise.withResolvers<string>();
  let isClosed = false;
  let ids = 0;
  const wire = open(
    (text) => messages.push(JSON.parse(text) as Message),
    (how) => {
      isClosed = true;
      closed.resolve(how);
    },
  );
  const see: WireClient["see"] = (fits, what = fits.toString()) =>
    until(
      () => messages.find(fits),
      () => `${what}; there came ${JSON.stringify(messages).slice(-2_000)}${isClosed ? ", and it was closed" : ""}`,
    );
  const ask: WireClient["ask"] = (method, params, id = (ids += 1)) => {
    wire.send(JSON.stringify({ id, method, params }));
    return see((message) => message.id === id && message.method === undefined, `an answer to ${method}`);
  };
  const call = async <Method extends RequestMethod>(
    method: Method,
    params: unknown = {},
  ): Promise<RequestResult<Method>> => {
    const { result, error } = await ask(method, params);
    assert(error === undefined, `${method} was refused: ${error?.message}`);
    return result as RequestResult<Method>;
  };
  const heard = <Method extends NotificationMethod>(method: Method): readonly NotificationParams<Method>[] =>
    messages.filter((message) => message.method === method).map(({ params }) => params as NotificationParams<Method>);
  return {
    messages,
    sendText: (text) => wire.send(text),
    ask,
    call,
    see,
    heard,
    hear: (method, threadId) =>
      until(
        () => heard(method).find((params) => threadId === undefined || threadIdOf(params) === threadId),
        () => `${method}; there came ${JSON.stringify(messages).slice(-2_000)}`,
      ),
    initialize: async () => {
      const capabilities = { experimentalApi: true };
      await call("initialize", { clientInfo: { name: "e2e", version: "1.0.0" }, capabilities });
      wire.send(JSON.stringify({ method: "initialized" }));
    },
    closed: closed.promise,
    isClosed: () => isClosed,
    pause: () => wire.pause(),
    resume: () => wire.resume(),
    vanish: () => wire.vanish(),
  };
}

/** Connects where this address says. */
export async function connectTo(address: string, headers: Readonly<Record<string, string>> = {}): Promise<WireClient> {
  return address.startsWith("ws://") ? await connectWebSocket(address, headers) : await connectUnix(address);
}

async function connectWebSocket(address: string, headers: Readonly<Record<string, string>>): Promise<WireClient> {
  const webSocket = new WebSocket(address, { headers, perMessageDeflate: false });
  onTestFinished(() => webSocket.terminate());
  const client = createClient((heard, closed) => {
    webSocket.on("message", (data) => heard((data as Buffer).toString("utf8")));
    webSocket.on("close", (code, reason) => closed(`${code} ${reason.toString("utf8")}`.trim()));
    return {
      send: (text) => webSocket.send(text),
      pause: () => webSocket.pause(),
      resume: () => webSocket.resume(),
      vanish: () => webSocket.terminate(),
    };
  });
  await new Promise<void>((resolve, reject) => {
    webSocket.on("open", resolve);
    webSocket.on("error", reject);
  });
  return client;
}

async function connectUnix(address: string): Promise<WireClient> {
  const socket = connect(address.replace("unix://", ""));
  onTestFinished(() => void socket.destroy());
  const client = clientOfStreams(socket, socket);
  await once(socket, "connect");
  return client;
}

/** The parent of a server, as its client. */
export function clientOfProcess({ child }: ServeProcess): WireClient {
  assert(child.stdin !== null && child.stdout !== null, "its streams are pipes");
  return clientOfStreams(child.stdout as Socket, child.stdin as Socket);
}

function clientOfStreams(input: Socket, output: Socket): WireClient {
  return createClient((heard, closed) => {
    let rest = "";
    input.setEncoding("utf8").on("data", (text: string) => {
      const lines = (rest + text).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) heard(line);
    });
    input.on("close", () => closed("ended"));
    output.on("error", () => {});
    return {
      send: (text) => output.write(`${text}\n`),
      pause: () => input.pause(),
      resume: () => input.resume(),
      vanish: () => {
        output.destroy();
        input.destroy();
      },
    };
  });
}

/** Runs one turn to its end; answers the turn as it was told at its end. */
export async function runTurn(
  client: WireClient,
  threadId: string,
  text: string,
): Promise<NotificationParams<"turn/completed">["turn"]> {
  const { turn } = await client.call("turn/start", { threadId, input: [{ type: "text", text, text_elements: [] }] });
  const end = await until(
    () => client.heard("turn/completed").find((told) => told.turn.id === turn.id),
    () => `the end of turn ${turn.id}; there came ${JSON.stringify(client.messages).slice(-2_000)}`,
  );
  return end.turn;
}

function threadIdOf(params: unknown): unknown {
  return (params as { readonly threadId?: unknown }).threadId;
}
