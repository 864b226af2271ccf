/**
 * A home's watcher in a thread of its own, as this side sees it. It is only started where the kernel's
 * notices are exact: on Linux, and not on a network file system. When its thread dies, anything may have
 * changed, from then on.
 */
import { Worker } from "node:worker_threads";

import type { HomeWatcher } from "../projections/index.ts";

interface Answer {
  readonly id: number;
  readonly changed?: readonly string[] | null;
  readonly isSound?: boolean;
}

/** Starts the watcher of a home; undefined where it can't be relied on. */
export async function startHomeWatcher(home: string): Promise<HomeWatcher | undefined> {
  if (process.platform !== "linux") return undefined;
  const watcher = new WatcherThread(home);
  if (await watcher.isSound()) return watcher;
  await watcher.close();
  return undefined;
}

class WatcherThread implements HomeWatcher {
  readonly #thread: Worker;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #lastId = 0;
  #isDead = false;
  readonly #begun: Promise<Answer>;

  constructor(home: string) {
    const here = import.meta.url;
    const url = new URL(here.endsWith(".ts") ? "./watch-worker.ts" : "./watch-worker.js", here);
    this.#thread = new Worker(url, { workerData: { home } });
    this.#begun = this.#answerTo(0);
    this.#thread.on("message", (answer: Answer) => this.#settle(answer));
    this.#thread.on("error", () => this.#die());
    this.#thread.on("exit", () => this.#die());
    // Its listeners hold the process until it has begun: who closes meanwhile waits for it.
  }

  async isSound(): Promise<boolean> {
    return (await this.#begun).isSound === true;
  }

  async changes(): Promise<readonly string[] | null> {
    if (this.#isDead) return null;
    this.#lastId += 1;
    const answer = this.#answerTo(this.#lastId);
    this.#thread.ref();
    this.#thread.postMessage(this.#lastId);
    return (await answer).changed ?? null;
  }

  async close(): Promise<void> {
    await this.#thread.terminate();
  }

  #answerTo(id: number): Promise<Answer> {
    return new Promise((resolve) => this.#waiting.set(id, resolve));
  }

  #settle(answer: Answer): void {
    this.#waiting.get(answer.id)?.(answer);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#thread.unref();
  }

  #die(): void {
    this.#isDead = true;
    for (const id of this.#waiting.keys()) this.#settle({ id, changed: null, isSound: false });
  }
}
