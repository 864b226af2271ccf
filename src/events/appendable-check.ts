/**
 * The check at the door of every append: items that would not come back as they went in are refused
 * before anything is written. It answers the items as they will be read back, so that who folds them
 * live sees what a replay sees.
 */
import { rejection, type SkeinError } from "../base/index.ts";
import { shapeFault } from "./payload-shapes.ts";
import { APPENDABLE_TYPES, type AppendableItem } from "./rollout-item.ts";

/** Deeper nesting is refused: it is a cycle, or will overflow some reader's stack. Codex's JSON reader ends at 128. */
const DEPTH_MAX = 120;

/**
 * The items, checked; `invalid_argument` names the index and the member of the first that can't be
 * appended. Members that are `undefined` are left out, broken surrogates are replaced and a negative zero is
 * a zero, as writing would do; items that need no change are answered as they are.
 */
export function validateAppendable(items: readonly unknown[]): AppendableItem[] {
  return items.map((item, index) => validItem(item, index));
}

function validItem(item: unknown, index: number): AppendableItem {
  if (typeof item !== "object" || item === null) throw refused(index, "", "is not an object");
  const { type, payload } = item as { type?: unknown; payload?: unknown };
  if (typeof type !== "string" || !APPENDABLE_TYPES.has(type)) {
    throw refused(index, ".type", "is none that can be appended");
  }
  const path: string[] = [];
  let clean: unknown;
  try {
    clean = cleanJson(payload, path);
  } catch (error) {
    if (!(error instanceof NotJson)) throw error;
    throw refused(index, `.payload${path.map((name) => `.${name}`).join("")}`, error.message);
  }
  const fault = shapeFault(type, clean);
  if (fault !== null) throw refused(index, ".payload", `is wrong: ${fault}`);
  // The type is one of TYPES and the payload has its shape.
  return (clean === payload ? item : { type, payload: clean }) as AppendableItem;
}

function refused(index: number, member: string, problem: string): SkeinError {
  return rejection("invalid_argument", `items[${index}]${member} ${problem}`, { index, member });
}

/** Thrown inside this file only; `path` then names the place. */
class NotJson extends Error {}

function cleanJson(value: unknown, path: string[]): unknown {
  switch (typeof value) {
    case "string":
      return value.isWellFormed() ? value : value.toWellFormed();
    case "boolean":
      return value;
    case "number":
      if (!Number.isFinite(value)) throw new NotJson("is not a finite number");
      // JSON writes -0 as 0.
      return value === 0 ? 0 : value;
    case "object":
      break;
    default:
      throw new NotJson(`is ${typeof value}, which JSON can't say`);
  }
  if (value === null) return null;
  if (path.length >= DEPTH_MAX) throw new NotJson(`is nested deeper than ${DEPTH_MAX}`);
  return Array.isArray(value) ? cleanArray(value, path) : cleanObject(value, path);
}

function cleanArray(values: readonly unknown[], path: string[]): readonly unknown[] {
  let changed: unknown[] | undefined;
  for (let index = 0; index < values.length; index += 1) {
    path.push(String(index));
    const before = values[index];
    const after = cleanJson(before, path);
    path.pop();
    if (!Object.is(after, before)) {
      changed ??= [...values];
      changed[index] = after;
    }
  }
  return changed ?? values;
}

function cleanObject(value: object, path: string[]): object {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    throw new NotJson("is not a plain object");
  }
  const members = value as Readonly<Record<string, unknown>>;
  let isChanged = false;
  const entries: [string, unknown][] = [];
  for (const name of Object.keys(members)) {
    const before = members[name];
    if (before === undefined) {
      isChanged = true;
      continue;
    }
    path.push(name);
    const after = cleanJson(before, path);
    path.pop();
    const cleanName = name.isWellFormed() ? name : name.toWellFormed();
    isChanged ||= !Object.is(after, before) || cleanName !== name;
    entries.push([cleanName, after]);
  }
  return isChanged ? Object.fromEntries(entries) : value;
}
