/**
 * The registry against what the peer really sent: every answer and notification of the recorded transcripts of codex
 * app-server 0.130.0 fits its schema, and every request of them has a definition or is known not to be served. The
 * reference page and the JSON Schema are made from the same definitions and kept up to date.
 */
import { readdirSync, readFileSync } from "node:fs";

import { describe, expect, test } from "vitest";
import type { z } from "zod";

import {
  CLIENT_NOTIFICATIONS,
  isRequestMethod,
  NOTIFICATIONS,
  parseParams,
  protocolJsonSchema,
  protocolReference,
  REQUESTS,
  SERVER_REQUESTS,
  unknownMethodText,
  UNSERVED_METHODS,
} from "../../../src/server/protocol/index.ts";

interface Message {
  readonly id?: unknown;
  readonly method?: string;
  readonly params?: unknown;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Line {
  readonly where: string;
  readonly isSent: boolean;
  readonly message: Message;
}

const FOLDER = new URL("../../fixtures/codex-0.130/transcripts/", import.meta.url);

/** Notifications of the peer's that have nothing to do with what Skein does. */
const FOREIGN: ReadonlySet<string> = new Set([
  "remoteControl/status/changed",
  "thread/goal/updated",
  "thread/goal/cleared",
]);

/** The messages of a transcript, with numbers again where the recording has placeholders for them. */
function readTranscript(name: string): readonly Line[] {
  const lines = readFileSync(new URL(name, FOLDER), "utf8").split("\n");
  return lines.flatMap((text, at) => {
    const json = /^(?:->|<-) (?<json>\{.*)$/u.exec(text)?.groups?.["json"];
    if (json === undefined) return [];
    const restored = json.replaceAll(/"<(?:sec|ms|dur)>"/gu, "1795330626");
    return [{ where: `${name}:${at + 1}`, isSent: text.startsWith("->"), message: JSON.parse(restored) as Message }];
  });
}

const names = readdirSync(FOLDER).filter((name) => name.endsWith(".txt"));

describe("the recorded transcripts", () => {
  test.each(names)("%s: every answer and notification fits its schema", (name) => {
    const methods = new Map<unknown, string>();
    const faults: string[] = [];
    let checked = 0;
    for (const { where, isSent, message } of readTranscript(name)) {
      const { id, method, params, result } = message;
      if (isSent) {
        if (method !== undefined && id !== undefined) methods.set(id, method);
        continue;
      }
      const schema = schemaOf(message, methods.get(id));
      if (schema === undefined) continue;
      const parsed = schema.safeParse(method === undefined ? result : params);
      checked += 1;
      if (!parsed.success)
        faults.push(
          `${where} ${method ?? methods.get(id) ?? ""}: ${parsed.error.issues.map(({ path, message: fault }) => `${path.join(".")} ${fault}`).join("; ")}`,
        );
    }
    expect(faults).toEqual([]);
    expect(checked).toBeGreaterThan(5);
  });

  test.each(names)("%s: every refusal of a request's shape is ours too", (name) => {
    const requests = new Map<unknown, Message>();
    const told: string[] = [];
    const ours: string[] = [];
    for (const { where, isSent, message } of readTranscript(name)) {
      if (isSent) requests.set(message.id, message);
      const request = requests.get(message.id);
      const words = message.error?.message ?? "";
      if (isSent || request === undefined || !words.startsWith("Invalid request: ")) continue;
      told.push(`${where} ${words.slice("Invalid request: ".length)}`);
      ours.push(`${where} ${refusalOf(request, words)}`);
    }
    expect(ours).toEqual(told);
  });
});

function schemaOf({ id, method, result }: Message, answered: string | undefined): z.ZodType | undefined {
  if (method === undefined) {
    const isAnswer = result !== undefined && answered !== undefined && isRequestMethod(answered);
    return isAnswer ? REQUESTS[answered].result : undefined;
  }
  if (FOREIGN.has(method)) return undefined;
  const definitions: Readonly<Record<string, { readonly params: z.ZodType }>> =
    id === undefined ? NOTIFICATIONS : SERVER_REQUESTS;
  const definition = definitions[method];
  if (definition === undefined) throw new Error(`no definition of ${method}`);
  return definition.params;
}

/** What we say; of an unknown method's list of names, as much as the peer says. */
function refusalOf({ method = "", params }: Message, words: string): string {
  if (!isRequestMethod(method)) return unknownMethodText(method).slice(0, words.length - "Invalid request: ".length);
  const parsed = parseParams(method, params);
  return parsed.ok ? "taken" : parsed.message;
}

describe("the registry", () => {
  test("names each of the peer's methods once: served or known not to be", () => {
    const [, listed = ""] = unknownMethodText("x").split("expected one of ");
    const all = [...listed.matchAll(/`(?<name>[^`]+)`/gu)].map((match) => match.groups?.["name"] ?? "");
    expect(new Set(all).size).toBe(all.length);
    expect(all.toSorted()).toEqual([...Object.keys(REQUESTS), ...UNSERVED_METHODS].toSorted());
    expect(all.slice(0, 3)).toEqual(["initialize", "thread/start", "thread/resume"]);
    expect(UNSERVED_METHODS.has("config/value/write")).toBe(true);
    expect(isRequestMethod("toString")).toBe(false);
    expect(Object.keys(CLIENT_NOTIFICATIONS)).toEqual(["initialized", "node/relayed"]);
  });

  test("says what needs the experimental capability as the peer does", () => {
    const used = (params: object): readonly string[] =>
      REQUESTS["thread/start"].experimentalFields?.filter((field) => field.isUsed(params)).map(({ path }) => path) ??
      [];
    expect(used({ dynamicTools: [] })).toEqual(["thread/start.dynamicTools"]);
    expect(used({ experimentalRawEvents: false, permissions: null })).toEqual([]);
    expect(used({ persistExtendedHistory: true })).toEqual(["thread/start.persistFullHistory"]);
    expect(REQUESTS["thread/turns/list"].experimental).toBe(true);
  });
});

describe("the JSON Schema", () => {
  test("names experimental members as requests have them", () => {
    const schema = protocolJsonSchema();
    const named = Object.entries(schema.requests).flatMap(([method, { experimentalFields = [] }]) =>
      experimentalFields.map((field) => [method, field.slice(method.length + 1)] as const),
    );
    expect(named).toContainEqual(["thread/start", "persistExtendedHistory"]);
    const unknown = named.filter(([method, member]) => {
      const params = schema.requests[method]?.params;
      const ref = lookUp(params, "$ref");
      return typeof ref !== "string" || lookUp(schema, `${ref.slice(2)}/properties/${member}`) === undefined;
    });
    expect(unknown).toEqual([]);
  });

  test("is one document in which every reference leads somewhere", () => {
    const schema = protocolJsonSchema();
    const text = JSON.stringify(schema);
    const references = new Set(
      [...text.matchAll(/"\$ref":"#\/(?<path>[^"]+)"/gu)].map((match) => match.groups?.["path"] ?? ""),
    );
    expect(references.size).toBeGreaterThan(100);
    const lost = [...references].filter((path) => lookUp(schema, path) === undefined);
    expect(lost).toEqual([]);
    expect(Object.keys(schema.requests)).toEqual(Object.keys(REQUESTS));
  });

  test("names what it repeats, and describes every method and named object", () => {
    const { $defs, requests, notifications } = protocolJsonSchema();
    const undescribed = Object.entries({ ...$defs, ...requests, ...notifications })
      .filter(([, { description }]) => typeof description !== "string" || description === "")
      .map(([name]) => name);
    expect(undescribed).toEqual([]);
    expect(requests["thread/read"]?.params).toEqual({ $ref: "#/$defs/ThreadReadParams" });
  });
});

function lookUp(schema: unknown, path: string): unknown {
  return path.split("/").reduce<unknown>((at, step) => {
    const name = step.replaceAll("~1", "/").replaceAll("~0", "~");
    return typeof at === "object" && at !== null ? Object.getOwnPropertyDescriptor(at, name)?.value : undefined;
  }, schema);
}

describe("docs/PROTOCOL.md", () => {
  test("is what the definitions give; `node scripts/protocol-page.ts` writes it anew", () => {
    const page = readFileSync(new URL("../../../docs/PROTOCOL.md", import.meta.url), "utf8");
    expect(page).toBe(protocolReference());
  });

  test("has links that lead to headings", () => {
    const page = protocolReference();
    const headings = new Set(
      [...page.matchAll(/^### (?<name>.+)$/gmu)].map((match) => (match.groups?.["name"] ?? "").toLowerCase()),
    );
    const links = new Set(
      [...page.matchAll(/\]\(#(?<target>[^)]+)\)/gu)].map((match) => match.groups?.["target"] ?? ""),
    );
    expect([...links].filter((target) => !headings.has(target))).toEqual([]);
  });
});
