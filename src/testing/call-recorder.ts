/**
 * Writes down what a law calls while one example is tried, so that the failure can be told as code: handles opened,
 * methods called with what, what they answered, in which order calls began and ended, and how clocks were moved
 * between them. The calls themselves go through untouched.
 *
 * Arguments are copied when a call begins. What a listener calls is written down with the event it was told. A store
 * that keeps its caller busy for ever is written down to a bound.
 */
import { systemClock } from "../base/index.ts";
import type { ThreadStore } from "../store/index.ts";
import { type AnsweredValues, createAnsweredValues } from "./answered-values.ts";
import { scriptOf } from "./call-script.ts";
import { type ReferenceLookup, toLiteral } from "./code-literal.ts";
import { type ClockNotes, createClockNotes } from "./clock-notes.ts";
import { errorMark } from "./error-text.ts";
import type { Literal } from "./literal-tree.ts";
import {
  type CallTarget,
  handleName,
  type ListenerMoment,
  type RecordedCall,
  type RecordedMoment,
} from "./recorded-call.ts";
import type { StoreFixture, StorePlace } from "./store-place.ts";

/** The calls as code. */
export interface RecordedScript {
  /** The body of a test that is given `fixture`. */
  readonly script: string;
}

/** Records what is called on places and handles of the fixtures it wraps. */
export interface CallRecorder {
  /** The fixture, with all that is called on its places and handles written down. */
  recording(fixture: StoreFixture): StoreFixture;
  /** What was called until now; `error` is what the law made of it. */
  script(error?: unknown): RecordedScript;
}

/** Makes one, with nothing written down. */
export function createCallRecorder(): CallRecorder {
  const recording = new Recording();
  return {
    recording: (fixture) => async () => recording.place(await fixture()),
    script: (error) => {
      const script = scriptOf(recording.moments, error);
      const passed = recording.passedOver;
      return {
        script: passed === 0 ? script : `${script}\n// … and ${passed} calls more, which are not written down.`,
      };
    },
  };
}

type Method = (...args: unknown[]) => unknown;

/** More than any law makes, and as much as a script may be long. */
const CALLS_MAX = 5_000;

class Recording {
  readonly moments: RecordedMoment[] = [];
  /** Calls behind the bound. */
  passedOver = 0;
  readonly #answered: AnsweredValues = createAnsweredValues();
  readonly #clocks: ClockNotes = createClockNotes((moment) => this.moments.push(moment));
  /** The store behind a handle that the law holds. */
  readonly #stores = new WeakMap<object, ThreadStore>();
  readonly #handles = new Map<object, number>();
  #calls = 0;
  #handleCount = 0;
  #placeCount = 0;
  #listening: { readonly at: ListenerMoment; readonly lookup: ReferenceLookup } | undefined;

  place(place: StorePlace): StorePlace {
    const target: CallTarget = { kind: "place", index: this.#placeCount };
    this.#placeCount += 1;
    this.moments.push({ kind: "place" });
    return standIn(place, (method, value) => {
      const call: Method = (...args) =>
        value.apply(
          place,
          args.map((arg) => this.#unwrapped(arg)),
        );
      return (...args: unknown[]): unknown => this.#recorded({ target, method, args, call });
    });
  }

  #unwrapped(arg: unknown): unknown {
    return typeof arg === "object" && arg !== null ? (this.#stores.get(arg) ?? arg) : arg;
  }

  #handle(store: ThreadStore): { readonly handle: ThreadStore; readonly index: number } {
    const index = this.#handleCount;
    const target: CallTarget = { kind: "handle", index };
    this.#handleCount += 1;
    const handle = standIn(store, (method, value) => {
      const call: Method = (...args) => value.apply(store, args);
      if (method === "subscribe") return (listener) => this.#subscribe(target, call, listener);
      return (...args: unknown[]): unknown => this.#recorded({ target, method, args, call });
    });
    this.#stores.set(handle, store);
    this.#handles.set(handle, index);
    return { handle, index };
  }

  #recorded(wanted: {
    readonly target: CallTarget;
    readonly method: string;
    readonly args: readonly unknown[];
    readonly call: Method;
  }): unknown {
    if (this.#calls >= CALLS_MAX) {
      this.passedOver += 1;
      return wanted.call(...wanted.args);
    }
    const call = this.#begin(wanted.target, wanted.method, wanted.args);
    let answer: unknown;
    try {
      answer = wanted.call(...wanted.args);
    } catch (error) {
      call.isSync = true;
      this.#refuse(call, error);
      throw error;
    }
    if (!isPromise(answer)) {
      call.isSync = true;
      return this.#answer(call, answer);
    }
    return answer.then(
      (value) => this.#answer(call, value),
      (error: unknown) => {
        this.#refuse(call, error);
        throw error;
      },
    );
  }

  #begin(target: CallTarget, method: string, args: readonly unknown[]): RecordedCall {
    this.#clocks.look();
    const listening = this.#listening;
    const lookup = listening?.lookup ?? this.#answered;
    const call: RecordedCall = {
      number: this.#calls,
      target,
      method,
      args: passed(args).map((arg) => this.#argument(arg, lookup)),
      ...(listening === undefined ? {} : { within: listening.at }),
      outcome: { kind: "pending" },
      isSync: false,
    };
    this.#calls += 1;
    this.moments.push({ kind: "begin", call });
    return call;
  }

  /** Handles and clocks are called by their names; all else is written out. */
  #argument(arg: unknown, lookup: ReferenceLookup): Literal {
    const index = typeof arg === "object" && arg !== null ? this.#handles.get(arg) : undefined;
    if (index !== undefined) return { kind: "code", text: handleName(index) };
    return toLiteral(arg, {
      text: (value, key) => lookup.text(value, key),
      object: (value) => lookup.object(value),
      code: (value) => (value === systemClock ? "systemClock" : this.#clocks.nameOf(value)),
    });
  }

  #answer(call: RecordedCall, value: unknown): unknown {
    this.#clocks.look();
    if (isStore(value)) {
      const { handle, index } = this.#handle(value);
      this.#end(call, { kind: "answered", answer: { kind: "code", text: "" }, handle: index });
      return handle;
    }
    const answer = toLiteral(value, { object: () => undefined, text: () => undefined });
    // What a listener's call answered has no variable that others could name.
    if (call.within === undefined) this.#answered.learn(call.number, value);
    this.#end(call, { kind: "answered", answer });
    return value;
  }

  #refuse(call: RecordedCall, error: unknown): void {
    this.#clocks.look();
    this.#end(call, { kind: "refused", error: errorMark(error) });
  }

  #end(call: RecordedCall, outcome: RecordedCall["outcome"]): void {
    call.outcome = outcome;
    this.moments.push({ kind: "end", call });
  }

  #subscribe(target: CallTarget, subscribe: Method, listener: unknown): unknown {
    if (typeof listener !== "function") {
      return this.#recorded({ target, method: "subscribe", args: [listener], call: subscribe });
    }
    const call = this.#begin(target, "subscribe", []);
    call.isSync = true;
    let told = 0;
    const leave: unknown = subscribe((event: unknown): void => {
      told += 1;
      this.#tell(listener as Method, event, { subscription: call.number, nth: told });
    });
    this.#end(call, { kind: "answered", answer: { kind: "code", text: "" } });
    if (typeof leave !== "function") return leave;
    const left: CallTarget = { kind: "subscription", call: call.number };
    return (): unknown => this.#recorded({ target: left, method: "", args: [], call: leave as Method });
  }

  #tell(listener: Method, event: unknown, at: ListenerMoment): void {
    const before = this.#listening;
    this.#listening = { at, lookup: this.#answered.during(event) };
    try {
      listener(event);
    } catch (error) {
      this.moments.push({ kind: "thrown", at, message: errorMark(error).message });
      throw error;
    } finally {
      this.#listening = before;
    }
  }
}

/** Without what was left out at the end. */
function passed(args: readonly unknown[]): readonly unknown[] {
  return args.slice(0, args.findLastIndex((arg) => arg !== undefined) + 1);
}

/** An object that gives the original's members, its methods in another form. The original may be frozen. */
function standIn<Original extends object>(
  original: Original,
  wrap: (method: string, value: Method) => Method,
): Original {
  const inner: ProxyHandler<object> = {
    get: (_, name) => {
      const value: unknown = Reflect.get(original, name, original);
      return typeof value === "function" && typeof name === "string" ? wrap(name, value as Method) : value;
    },
    has: (_, name) => Reflect.has(original, name),
  };
  // It answers for every member that the original has, and that is all a law may ask.
  return new Proxy({}, inner) as Original;
}

function isPromise(value: unknown): value is Promise<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function isStore(value: unknown): value is ThreadStore {
  return typeof value === "object" && value !== null && "appendItems" in value && "capabilities" in value;
}
