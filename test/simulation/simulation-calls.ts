/**
 * The calls that a simulation makes to its runtimes: each is made in its process, its answer goes into the trace,
 * and it must come. A refusal must be one of Skein's errors, with a code that the thread's life or a fault that
 * was injected explains.
 */
import { isSkeinError } from "../../src/base/index.ts";
import { BrokenInvariant, short } from "./acknowledgements.ts";
import type { SimulatedRuntime } from "./simulated-runtime.ts";

/** A call under way. */
export interface OpenCall {
  readonly name: string;
  readonly process: SimulatedRuntime;
  readonly sinceMs: number;
}

/** What the calls need of the simulation. */
export interface CallHost {
  nowMs(): number;
  trace(line: string): void;
  broken(failure: BrokenInvariant): void;
  /** Whether something was injected that explains such an error. */
  explains(code: string, process: SimulatedRuntime): boolean;
}

export class SimulationCalls {
  readonly #host: CallHost;
  readonly #open = new Set<OpenCall>();
  /** Answers by what they were: `ok`, or the code of an error. */
  readonly answers = new Map<string, number>();

  constructor(host: CallHost) {
    this.#host = host;
  }

  /** Makes a call in a process, now or when it is no longer stopped. */
  make(name: string, process: SimulatedRuntime, work: () => Promise<unknown>): void {
    process.parts.scheduled.plan({ delayMs: 0 }, () => {
      const call = { name, process, sinceMs: this.#host.nowMs() };
      this.#open.add(call);
      work().then(
        (answer) => this.#settled(call, "ok", typeof answer === "string" ? answer : ""),
        (error: unknown) => this.#failed(call, error),
      );
    });
  }

  /** Calls that were not answered yet. */
  get open(): readonly OpenCall[] {
    for (const call of this.#open) if (call.process.parts.scheduled.isKilled) this.#open.delete(call);
    return [...this.#open];
  }

  #settled(call: OpenCall, answer: string, more: string): void {
    this.#open.delete(call);
    this.answers.set(answer, (this.answers.get(answer) ?? 0) + 1);
    this.#host.trace(`${call.process.name} ${call.name}: ${answer} ${more}`);
  }

  #failed(call: OpenCall, error: unknown): void {
    if (call.process.parts.scheduled.isKilled) return;
    if (error instanceof BrokenInvariant) {
      this.#host.broken(error);
      return;
    }
    const code = isSkeinError(error) ? error.code : null;
    this.#settled(call, code ?? "no-code", "");
    if (code !== null && this.#host.explains(code, call.process)) return;
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const what = code === null ? "an error without a code" : `${code}, which nothing that happened explains`;
    this.#host.broken(new BrokenInvariant("sim.errors-have-codes", `${call.name} gave ${what}: ${short(said)}`));
  }
}
