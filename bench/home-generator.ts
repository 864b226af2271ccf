/**
 * Seeded homes in the shape of the ones that Codex writes, for benches and tests: rollouts of a long-tailed
 * size in dated folders over two years, of several sources, providers and working folders, some forked,
 * spawned, archived or named. Codex lists and reads them like its own. The same seed gives the same bytes,
 * in the same time zone: folders and file names are in local time.
 *
 *   node bench/home-generator.ts --home FOLDER [--threads 200] [--mb 30] [--seed 7] [--big-mb 50 --big-turns 2660]
 */
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { createIdSource, type IdSource, systemClock } from "../src/base/index.ts";
import type { SessionMeta, SessionSource } from "../src/events/index.ts";
import { generateThread, type ThreadText } from "./generated-thread.ts";
import { createPooledSource, createTextPool, type SeededSource } from "./seeded-source.ts";

/** What a home is to be. */
export interface HomeShape {
  /** Threads of the long-tailed sizes. */
  readonly threads: number;
  /** What those weigh together; HOME_THREAD_BYTES_MIN each at least. */
  readonly bytes: number;
  readonly seed: number;
  /** More threads, each of exactly so many turns: live ones of the first working folder, newest of all. */
  readonly big?: readonly BigThreadShape[];
}

/** A thread of its own size. */
export interface BigThreadShape {
  readonly bytes: number;
  readonly turns: number;
}

/** A thread of a generated home. */
export interface HomeThread {
  readonly id: string;
  readonly path: string;
  readonly cwd: string;
  readonly bytes: number;
  /** Turns that are shown. */
  readonly turns: number;
  /** Milliseconds since the epoch. */
  readonly createdAtMs: number;
  /** Milliseconds since the epoch: the last record's, and the file's. */
  readonly updatedAtMs: number;
  readonly archived: boolean;
  readonly name: string | null;
  readonly modelProvider: string;
  readonly source: SessionSource;
  readonly forkedFromId: string | null;
}

/** A home that was written. */
export interface GeneratedHome {
  readonly home: string;
  readonly bytes: number;
  /** Oldest first. */
  readonly threads: readonly HomeThread[];
  /** Those of `HomeShape.big`, in its order. */
  readonly big: readonly HomeThread[];
}

/** The smallest average that threads can have: instructions alone are most of it. */
export const HOME_THREAD_BYTES_MIN = 34_000;
/** The provider of most threads, which a Codex home's config.toml must name for Codex to list them. */
export const HOME_PROVIDER = "mock";
/** A word in the first message of about one thread in a hundred, at least one, and in nothing else. */
export const HOME_PREVIEW_WORD = "quokka";
/** A word in one answer of about one thread in fifty, and in nothing else. */
export const HOME_ANSWER_WORD = "numbat";

const START_MS = Date.UTC(2024, 5, 1);
const END_MS = Date.UTC(2026, 5, 1);
/** Spread of the sizes: the largest of 2,000 is about fifty times the average. */
const SIZE_SIGMA = 1.5;
const BASE_INSTRUCTIONS_CHARS = 20_000;
const FOLDERS = 40;
const FORK_SOURCES_MAX = 12;
const FORK_SOURCE_BYTES_MAX = 400_000;
const REPOSITORIES = ["api", "web", "cli", "docs", "infra", "core", "mobile", "data"];
const TOPICS = ["Fix", "Add", "Explain", "Review", "Rename", "Test", "Speed up", "Remove", "Überprüfe", "Document"];

/** Writes the home's files; the folder need not exist. */
export function generateHome(home: string, shape: HomeShape): GeneratedHome {
  if (shape.bytes < shape.threads * HOME_THREAD_BYTES_MIN) {
    throw new RangeError(`${shape.threads} threads need ${shape.threads * HOME_THREAD_BYTES_MIN} bytes at least`);
  }
  return new HomeWriter(home, shape).write();
}

class HomeWriter {
  readonly #home: string;
  readonly #shape: HomeShape;
  readonly #source: SeededSource;
  readonly #pool: string;
  readonly #ids: IdSource;
  readonly #instructions: readonly string[];
  readonly #cwds: readonly string[];
  readonly #forkSources: { readonly meta: SessionMeta; readonly written: ThreadText }[] = [];
  readonly #folders = new Set<string>();
  readonly #nameLines: string[] = [];
  readonly #threads: HomeThread[] = [];
  #timeMs = START_MS;
  /** Bytes that the threads so far weigh more than they were to. */
  #excess = 0;

  constructor(home: string, shape: HomeShape) {
    this.#home = home;
    this.#shape = shape;
    this.#pool = createTextPool(shape.seed);
    const source = createPooledSource(shape.seed, this.#pool);
    this.#source = source;
    const clock = { ...systemClock, nowMs: (): number => this.#timeMs };
    this.#ids = createIdSource(clock, (count) => Uint8Array.from({ length: count }, () => source.random() * 256));
    this.#instructions = ["0.118.0", "0.125.0", "0.130.0"].map(() => source.text(BASE_INSTRUCTIONS_CHARS));
    this.#cwds = Array.from({ length: FOLDERS }, (_, n) => `/srv/work/${REPOSITORIES[n % 8] ?? ""}-${n}`);
  }

  write(): GeneratedHome {
    const { threads, big = [] } = this.#shape;
    const times = Array.from({ length: threads }, () => START_MS + this.#source.random() * (END_MS - START_MS));
    const sizes = this.#sizes();
    for (const [index, timeMs] of times.toSorted((a, b) => a - b).entries()) {
      this.#timeMs = Math.round(timeMs);
      this.#writeOne(index, sizes[index] ?? 0);
    }
    const written = big.map((shape, index) => {
      this.#timeMs = END_MS + index * 60_000;
      return this.#writeBig(shape);
    });
    if (this.#nameLines.length > 0) writeFileSync(join(this.#home, "session_index.jsonl"), this.#nameLines.join(""));
    const all = this.#threads;
    return { home: this.#home, bytes: all.reduce((sum, { bytes }) => sum + bytes, 0), threads: all, big: written };
  }

  /** Log-normal weights above the smallest size, scaled to the total. */
  #sizes(): readonly number[] {
    const { threads, bytes } = this.#shape;
    const weights = Array.from({ length: threads }, () => Math.exp(SIZE_SIGMA * this.#normal()));
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    const spare = bytes - threads * HOME_THREAD_BYTES_MIN;
    return weights.map((weight) => HOME_THREAD_BYTES_MIN + (weight / all) * spare);
  }

  /** Box and Muller's: the standard normal distribution from two even ones. */
  #normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.#source.random()));
    return radius * Math.cos(2 * Math.PI * this.#source.random());
  }

  #writeOne(index: number, wanted: number): void {
    const { random } = this.#source;
    const kind = random();
    const bytes = wanted - this.#excess;
    const isFork = kind < 0.06;
    const fork = isFork ? this.#forkSources.find(({ written }) => written.text.length < bytes) : undefined;
    const parent = this.#threads.at(-1 - Math.floor(random() * 5));
    const isSpawned = kind > 0.93 && parent !== undefined;
    const folder = this.#cwds[Math.floor(random() ** 2 * FOLDERS)] ?? "";
    const cwd = fork === undefined || random() < 0.3 ? folder : fork.meta.cwd;
    const spawn = isSpawned ? this.#spawned(parent.id, kind > 0.98) : {};
    const meta = { ...this.#meta(cwd, fork?.meta.id), ...spawn };
    const marks = index % 100 === 50 || (index === 0 && this.#shape.threads <= 50) ? `${HOME_PREVIEW_WORD} ` : "";
    const opening = `${TOPICS[Math.floor(random() * TOPICS.length)] ?? ""} ${marks}in ${cwd.slice(10)}:`;
    const word = index % 50 === 20 ? { word: HOME_ANSWER_WORD } : {};
    const forkOf = fork === undefined ? {} : { forkOf: fork.written };
    const recipe = { meta, bytes: Math.max(bytes, HOME_THREAD_BYTES_MIN / 2), opening, ...word, ...forkOf };
    const written = generateThread(recipe, createPooledSource(this.#shape.seed * 1_000_003 + index, this.#pool));
    const thread = this.#keep(meta, written, { isArchived: random() < 0.05, isNamed: marks === "" && random() < 0.1 });
    this.#excess += thread.bytes - wanted;
    this.#offerFork(meta, written);
  }

  #writeBig({ bytes, turns }: BigThreadShape): HomeThread {
    const meta = { ...this.#meta(this.#cwds[0] ?? "", undefined), source: "vscode", model_provider: HOME_PROVIDER };
    const source = createPooledSource(this.#shape.seed * 31 + bytes + turns, this.#pool);
    const written = generateThread({ meta, bytes, turns, opening: "A long thread:" }, source);
    return this.#keep(meta, written, { isArchived: false, isNamed: false });
  }

  #meta(cwd: string, forkedFromId: string | undefined): SessionMeta {
    const { random } = this.#source;
    const version = Math.min(2, Math.floor(((this.#timeMs - START_MS) / (END_MS - START_MS)) * 3));
    const origin = random();
    const provider = random();
    const commit = Math.floor(random() * 2 ** 32).toString(16);
    const git = {
      commit_hash: commit.padEnd(40, "0"),
      branch: random() < 0.5 ? "main" : `topic/${commit.slice(0, 4)}`,
      repository_url: `https://git.example.org/work/${cwd.slice(10)}.git`,
    };
    return {
      id: this.#ids.next(),
      ...(forkedFromId === undefined ? {} : { forked_from_id: forkedFromId }),
      timestamp: new Date(this.#timeMs).toISOString(),
      cwd,
      originator: origin < 0.6 ? "codex_vscode" : "codex_cli_rs",
      cli_version: ["0.118.0", "0.125.0", "0.130.0"][version] ?? "",
      source: origin < 0.55 ? "vscode" : origin < 0.85 ? "cli" : "exec",
      model_provider: provider < 0.85 ? HOME_PROVIDER : provider < 0.97 ? "openai" : "azure",
      base_instructions: { text: this.#instructions[version] ?? "" },
      ...(random() < 0.6 ? { git } : {}),
    };
  }

  /** What the meta of a sub-agent's thread says. */
  #spawned(parentId: string, isReview: boolean): Partial<SessionMeta> {
    if (isReview) return { source: { subagent: "review" }, thread_source: "subagent" };
    const spawn = {
      parent_thread_id: parentId,
      depth: 1,
      agent_path: null,
      agent_nickname: "Halley",
      agent_role: null,
    };
    return { source: { subagent: { thread_spawn: spawn } }, thread_source: "subagent", agent_nickname: "Halley" };
  }

  /** Writes the file, with the time that it was last written to. */
  #keep(meta: SessionMeta, written: ThreadText, state: { isArchived: boolean; isNamed: boolean }): HomeThread {
    const createdAtMs = Date.parse(meta.timestamp);
    const folder = join(this.#home, state.isArchived ? "archived_sessions" : dayFolder(createdAtMs));
    const path = join(folder, `rollout-${localTime(createdAtMs)}-${meta.id}.jsonl`);
    if (!this.#folders.has(folder)) mkdirSync(folder, { recursive: true });
    this.#folders.add(folder);
    const bytes = Buffer.from(written.text);
    writeFileSync(path, bytes);
    const updatedAtMs = written.updatedAtMs;
    utimesSync(path, updatedAtMs / 1_000, updatedAtMs / 1_000);
    const thread = {
      id: meta.id,
      path,
      cwd: meta.cwd,
      bytes: bytes.length,
      turns: written.turns,
      createdAtMs,
      updatedAtMs,
      archived: state.isArchived,
      name: state.isNamed ? this.#name(meta.id, updatedAtMs) : null,
      modelProvider: meta.model_provider ?? "",
      source: meta.source ?? "vscode",
      forkedFromId: meta.forked_from_id ?? null,
    };
    this.#threads.push(thread);
    return thread;
  }

  /** Names a thread in the index; the last line is the one that counts. */
  #name(id: string, timeMs: number): string {
    const name = `${TOPICS[Math.floor(this.#source.random() * TOPICS.length)] ?? ""} ${this.#threads.length}`;
    const names = this.#source.random() < 0.2 ? [`${name}, first`, name] : [name];
    const updated_at = new Date(timeMs).toISOString();
    for (const thread_name of names) this.#nameLines.push(`${JSON.stringify({ id, thread_name, updated_at })}\n`);
    return name;
  }

  /** Keeps a few of the newest threads that are no sub-agents' and not too large to be copied. */
  #offerFork(meta: SessionMeta, written: ThreadText): void {
    if (typeof meta.source !== "string" || written.text.length > FORK_SOURCE_BYTES_MAX) return;
    this.#forkSources.push({ meta, written });
    if (this.#forkSources.length > FORK_SOURCES_MAX) this.#forkSources.shift();
  }
}

function twoDigits(number: number): string {
  return number.toString().padStart(2, "0");
}

function dayFolder(timeMs: number): string {
  const time = new Date(timeMs);
  return join("sessions", String(time.getFullYear()), twoDigits(time.getMonth() + 1), twoDigits(time.getDate()));
}

function localTime(timeMs: number): string {
  const time = new Date(timeMs);
  const day = [time.getMonth() + 1, time.getDate()].map(twoDigits);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(twoDigits);
  return `${[time.getFullYear(), ...day].join("-")}T${clock.join("-")}`;
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      home: { type: "string" },
      threads: { type: "string", default: "200" },
      mb: { type: "string", default: "30" },
      seed: { type: "string", default: "7" },
      "big-mb": { type: "string" },
      "big-turns": { type: "string", default: "1000" },
    },
  });
  if (values.home === undefined) throw new TypeError("--home FOLDER is needed");
  const bigMb = values["big-mb"];
  const big = bigMb === undefined ? [] : [{ bytes: Number(bigMb) * 1e6, turns: Number(values["big-turns"]) }];
  const shape = { threads: Number(values.threads), bytes: Number(values.mb) * 1e6, seed: Number(values.seed), big };
  const { threads, bytes } = generateHome(values.home, shape);
  console.log(`${threads.length} threads, ${(bytes / 1e6).toFixed(1)} MB in ${values.home}`);
}
