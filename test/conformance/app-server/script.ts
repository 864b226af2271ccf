/**
 * A scenario for an app-server: steps as JSON, one a line, kept with the transcript that the peer left of them.
 *
 *   {"init": true | CAPABILITIES}         initialize and initialized
 *   {"send": METHOD, "params", "as"}      a request; waits for its answer, or with "nowait" until {"await": NAME}
 *   {"line": TEXT}                        one line as it stands
 *   {"notify": METHOD, "params"}          a notification
 *   {"turn": THREAD, "text" | "input"}    turn/start, and waits for its turn/completed
 *   {"waitFor": METHOD}                   a notification since the last send
 *   {"settle": MS}                        until nothing more comes
 *   {"sleep": MS}                         lets time pass, where times are what is looked at
 *   {"restart": true}                     ends the process by closing its input, and starts it again
 *   {"exec": TEXT}                        a thread of another program on the same home, with this message
 *   {"provider": NAME, "text"}            a thread of another provider, for a server that could start none
 *   {"note": TEXT}                        a heading
 *
 * `${name.result.thread.id}` in a text is a value of an earlier answer, `${env.WS}` one of the run.
 */
import { readFile } from "node:fs/promises";

/** One step; a step may do several things, in the order of the table. */
export interface ScriptStep {
  readonly note?: string;
  readonly init?: true | Readonly<Record<string, unknown>>;
  readonly line?: string;
  readonly notify?: string;
  readonly send?: string;
  readonly params?: unknown;
  readonly as?: string;
  readonly nowait?: true;
  readonly await?: string;
  readonly turn?: string;
  readonly text?: string;
  readonly input?: readonly unknown[];
  readonly waitFor?: string;
  readonly timeout?: number;
  readonly settle?: number;
  readonly sleep?: number;
  readonly exec?: string;
  readonly provider?: string;
  readonly restart?: true;
}

/** What a script's texts may refer to. */
export type ScriptValues = Readonly<Record<string, unknown>>;

/** Reads the steps of a script's file. */
export async function readScript(path: string): Promise<readonly ScriptStep[]> {
  return JSON.parse(await readFile(path, "utf8")) as readonly ScriptStep[];
}

/** The step with its references filled in. A text that is one reference becomes the value itself. */
export function fillStep(step: ScriptStep, values: ScriptValues): ScriptStep {
  return fill(step, values) as ScriptStep;
}

function fill(value: unknown, values: ScriptValues): unknown {
  if (typeof value === "string") return fillText(value, values);
  if (Array.isArray(value)) return value.map((element) => fill(element, values));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, fill(member, values)]));
}

function fillText(text: string, values: ScriptValues): unknown {
  const whole = /^\$\{([^}]+)\}$/.exec(text)?.[1];
  if (whole !== undefined) return valueAt(values, whole);
  return text.replaceAll(/\$\{([^}]+)\}/g, (_, path: string) => String(valueAt(values, path)));
}

function valueAt(values: ScriptValues, path: string): unknown {
  return path.split(".").reduce<unknown>((value, name) => {
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  }, values);
}
