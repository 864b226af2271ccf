/**
 * An operation, made ready to be hit again and again: the home that it begins on, what it comes to without faults,
 * and the calls that it makes. Each hit gets a copy of the home.
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { FaultBooks } from "./fault-books.ts";
import { makeFaultHome, readFiles, readHomeFacts } from "./fault-home.ts";
import { judgeHome, type OperationFacts } from "./fault-judge.ts";
import { type FaultOperation, runOperation } from "./fault-operations.ts";
import { type FaultEnd, runFaultChild } from "./fault-process.ts";
import { compileFaultShim, type FaultPlan, type FaultShim, type TracedCall } from "./fault-shim.ts";

/** An operation that is ready. */
export interface OperationStage {
  readonly facts: OperationFacts;
  /** The calls that change something, in the order they are made without faults. */
  readonly calls: readonly TracedCall[];
  /** Does it in a child, on a copy of the home of this lane, under a fault; the home is left as the child left it. */
  hit(lane: number, plan: FaultPlan): Promise<StageHit>;
}

/** What a hit came to. */
export interface StageHit {
  readonly home: string;
  readonly end: FaultEnd;
}

/** Copies a home with the times of its files, by which the rows know them. */
export function copyHome(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, preserveTimestamps: true });
}

/** Of the row that asks first (fault-row.ts). */
interface StageContext {
  readonly books: FaultBooks;
  readonly isSmoke: boolean;
}

/** What is made once for all rows of a run: the layer that makes faults, and operations that are ready. */
export class FaultSession {
  readonly shim: FaultShim = compileFaultShim();
  readonly #folder = mkdtempSync(join(tmpdir(), "skein-fault-stages-"));
  readonly #stages = new Map<string, Promise<OperationStage>>();

  #template: Promise<string> | null = null;

  /** Puts the home that faults are tried on at a path. */
  async makeHome(path: string): Promise<void> {
    this.#template ??= this.#makeTemplate();
    copyHome(await this.#template, path);
  }

  /** The operation, made ready by the first row that asks. */
  stage(operation: FaultOperation, context: StageContext): Promise<OperationStage> {
    const known = this.#stages.get(operation.id);
    if (known !== undefined) return known;
    const { books, isSmoke } = context;
    const stage = stageOperation(operation, { books, isSmoke, session: this, folder: this.#folder });
    this.#stages.set(operation.id, stage);
    return stage;
  }

  async #makeTemplate(): Promise<string> {
    const template = join(this.#folder, "template");
    await makeFaultHome(template);
    return template;
  }

  close(): void {
    this.shim.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

interface Staging extends StageContext {
  readonly folder: string;
  readonly session: FaultSession;
}

/** Makes an operation ready, and counts its calls in a child that nothing happens to. */
async function stageOperation(operation: FaultOperation, staging: Staging): Promise<OperationStage> {
  const { folder, session, books, isSmoke } = staging;
  const { shim } = session;
  const start = join(folder, `start-${operation.id}`);
  await session.makeHome(start);
  await operation.prepare?.(start);
  const done = join(folder, `done-${operation.id}`);
  copyHome(start, done);
  const [before, filesBefore] = [await readHomeFacts(start), readFiles(start)];
  await runOperation(operation, done);
  await operation.settle?.(done);
  const facts = { operation, before, after: await readHomeFacts(done), filesBefore, filesAfter: readFiles(done) };
  const hit = async (lane: number, plan: FaultPlan): Promise<StageHit> => {
    const home = join(folder, `home-${operation.id}-${lane}`);
    copyHome(start, home);
    if (shim.path === null) throw new Error(shim.reason);
    const own = { shimPath: shim.path, home, operationId: operation.id, plan, triesAgain: plan.does !== "kill" };
    return { home, end: await runFaultChild(own) };
  };
  const { home, end } = await hit(0, { at: 0, does: "kill" });
  if (end.exitCode !== 0) throw new Error(`without a fault, ${operation.title} ends with ${end.stderr}`);
  if (!isSmoke) await judgeHome({ home, facts, isAcknowledged: true, place: `${operation.id} without a fault`, books });
  return { facts, calls: end.calls.map((call) => ({ ...call, path: call.path.slice(home.length + 1) })), hit };
}

/** Which call of which operation this is, for messages. */
export function placeOf(operation: FaultOperation, number: number, call: TracedCall | undefined): string {
  const where = call === undefined ? "" : ` (${call.kind} ${call.bytes} ${call.path.split("/").at(-1) ?? ""})`;
  return `${operation.id}, call ${number}${where}`;
}
