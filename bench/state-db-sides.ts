/**
 * The two sides of the state bench: Skein in this process and the peer as a process, each on a home of its
 * own with the same bytes. A side opens its program when it is first asked for it and again when a run
 * wants a fresh one, which is not part of any time.
 */
import type { ChildProcess } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";

import type { Runtime } from "../src/index.ts";
import { CodexProcess } from "./codex-process.ts";
import type { GeneratedHome } from "./home-generator.ts";
import { openSkein, type OpenedSkein, removeStateDb, type SkeinBuild } from "./open-skein.ts";
import { runSkeinProcess, type SkeinProcessRun } from "./skein-process.ts";

/** The longest that a start with an empty state DB may take. */
const START_MS_MAX = 900_000;
const CODEX_DB_FILES = /^(state|logs)_\d+\.sqlite/;

/** Skein and its home. */
export class SkeinSide {
  readonly home: GeneratedHome;
  readonly #how: { readonly build: SkeinBuild; readonly hasStateDb: boolean };
  #opened: OpenedSkein | null = null;
  #child: ChildProcess | null = null;

  constructor(home: GeneratedHome, how: { readonly build: SkeinBuild; readonly hasStateDb: boolean }) {
    this.home = home;
    this.#how = how;
  }

  /** The runtime on the home, opened where it isn't. */
  async open(): Promise<Runtime> {
    this.#opened ??= await openSkein({ home: this.home.home, ...this.#how });
    return this.#opened.runtime;
  }

  /** A runtime that has loaded nothing yet. */
  async reopen(): Promise<Runtime> {
    await this.close();
    return this.open();
  }

  /** Opens, lists and closes in a process of its own. */
  async runProcess(isCold: boolean): Promise<SkeinProcessRun> {
    await this.close();
    const { home } = this.home;
    if (isCold) removeStateDb(home);
    const onSpawn = (child: ChildProcess): void => void (this.#child = child);
    return runSkeinProcess({ home, ...this.#how, msMax: START_MS_MAX, onSpawn });
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    await opened?.close();
  }

  /** Ends at once what runs outside this process. */
  kill(): void {
    this.#child?.kill("SIGKILL");
  }
}

/** Where the peer is and what it needs. */
export interface CodexSideOptions {
  readonly program: string;
  readonly baseUrl: string;
}

/** The peer and its home. */
export class CodexSide {
  readonly home: GeneratedHome;
  readonly #options: CodexSideOptions;
  #opened: CodexProcess | null = null;

  constructor(home: GeneratedHome, options: CodexSideOptions) {
    this.home = home;
    this.#options = options;
  }

  /** The process on the home, started where it isn't. */
  async open(): Promise<CodexProcess> {
    if (this.#opened !== null) return this.#opened;
    await this.start();
    return this.#opened ?? this.open();
  }

  /** Starts a process; gives the time to its answer to `initialize`. */
  async start(): Promise<number> {
    await this.close();
    const options = { ...this.#options, home: this.home.home, startMsMax: START_MS_MAX };
    this.#opened = await CodexProcess.start(options);
    return this.#opened.ready();
  }

  /** A process that has loaded nothing yet, and has answered once. */
  async reopen(): Promise<CodexProcess> {
    await this.close();
    const peer = await this.open();
    await peer.request("thread/loaded/list", {});
    return peer;
  }

  /** Deletes its databases, as if it had never been started on this home. */
  async removeDatabases(): Promise<void> {
    await this.close();
    const { home } = this.home;
    for (const name of readdirSync(home)) if (CODEX_DB_FILES.test(name)) rmSync(join(home, name));
  }

  async close(): Promise<void> {
    const opened = this.#opened;
    this.#opened = null;
    await opened?.close();
  }

  /** Ends it at once. */
  kill(): void {
    void this.#opened?.kill();
  }
}
