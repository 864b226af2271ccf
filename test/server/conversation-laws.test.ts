/**
 * Two clients do whatever they like with two threads, without waiting for each other, and what they are told makes
 * sense all the same: every request is answered once, an answer goes before what it began, items and turns begin
 * before they end and end once, a status differs from the one before, and at the end all agree with the store.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { type AgentRequest, scriptedAgent, type ScriptStep } from "../../src/actors/index.ts";
import type { ThreadItem } from "../../src/events/index.ts";
import { type Message, openServer, type TestClient } from "./server-fixture.ts";

type Step = readonly [client: 0 | 1, thread: 0 | 1, what: string];

const WHAT = [
  "say",
  "fail",
  "wait",
  "ask",
  "steer",
  "interrupt",
  "compact",
  "review",
  "rollback",
  "name",
  "read",
  "turns",
  "list",
  "fork",
  "resume",
] as const;

const arbSteps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.tuple(fc.constantFrom(0 as const, 1 as const), fc.constantFrom(0 as const, 1 as const), fc.constantFrom(...WHAT)),
  { minLength: 1, maxLength: 24 },
);

/** What the agent does is what the input's text says. */
function play({ input, task }: AgentRequest): readonly ScriptStep[] {
  const said = input.map((part) => (part.type === "text" ? part.text : "")).join("");
  if (task === "turn" && said === "fail") return [{ say: "So far." }, { fail: new Error("as asked") }];
  if (task === "turn" && said === "wait") return [{ reason: "Hm." }, { untilAborted: true }];
  if (task === "turn" && said === "ask") {
    return [{ ask: { kind: "commandApproval", itemId: "c1", details: { startedAtMs: 1, command: "ls" } } }];
  }
  return [{ say: `You said ${said}` }, { usage: { input_tokens: 1 } }, { answerSteering: true }];
}

describe("two clients of two threads", () => {
  it("are told what makes sense, whatever they do", async () => {
    await fc.assert(
      fc.asyncProperty(arbSteps, async (steps) => {
        const server = await openServer({ agent: scriptedAgent({ turns: [], otherwise: play }) });
        try {
          const clients = [await server.connect(), await server.connect()] as const;
          const threads = [await clients[0].startThread(), await clients[0].startThread()] as const;
          for (const threadId of threads) await clients[1].call("thread/resume", { threadId });
          const sent = steps.map(([client, thread, what]) => send(clients[client], threads[thread], what));
          await Promise.all([...sent, letGo(clients[0], threads, Promise.all(sent))]);
          for (const client of clients) for (const threadId of threads) await checkThread(client, threadId);
          checkAnswers(clients);
          expect(clients[0].messages.filter(isAbout(threads)).map(withoutIds)).toEqual(
            clients[1].messages.filter(isAbout(threads)).map(withoutIds),
          );
        } finally {
          await server.close();
        }
      }),
    );
  });
});

/** Sends one request; it may well be refused. */
async function send(client: TestClient, threadId: string, what: string): Promise<Message> {
  const input = [{ type: "text", text: what }];
  switch (what) {
    case "steer":
      return await client.request("turn/steer", { threadId, input, expectedTurnId: lastTurn(client, threadId) });
    case "interrupt":
      return await client.request("turn/interrupt", { threadId, turnId: lastTurn(client, threadId) });
    case "compact":
      return await client.request("thread/compact/start", { threadId });
    case "review":
      return await client.request("review/start", { threadId, target: { type: "custom", instructions: "x" } });
    case "rollback":
      return await client.request("thread/rollback", { threadId, numTurns: 1 });
    case "name":
      return await client.request("thread/name/set", { threadId, name: "N" });
    case "read":
      return await client.request("thread/read", { threadId, includeTurns: true });
    case "turns":
      return await client.request("thread/turns/list", { threadId });
    case "list":
      return await client.request("thread/list", {});
    case "fork":
      return await client.request("thread/fork", { threadId });
    case "resume":
      return await client.request("thread/resume", { threadId });
    default:
      return await client.request("turn/start", { threadId, input });
  }
}

/** Interrupts what waits, until everything was answered and nothing runs any more. */
async function letGo(client: TestClient, threads: readonly string[], answered: Promise<unknown>): Promise<void> {
  await answered;
  for (const threadId of threads) {
    const { thread } = await client.call("thread/read", { threadId });
    if (thread.status.type !== "active") continue;
    const turns = await client.call("thread/turns/list", { threadId, limit: 1 });
    const turnId = turns.data[0]?.id ?? "none";
    await client.request("turn/interrupt", { threadId, turnId });
    await client.turnEnd(turnId);
  }
}

function lastTurn(client: TestClient, threadId: string): string {
  const started = client.messages.findLast(
    ({ method, params }) => method === "turn/started" && (params as { threadId: string }).threadId === threadId,
  );
  return (started?.params as { readonly turn: { readonly id: string } } | undefined)?.turn.id ?? "none";
}

interface Told {
  readonly threadId?: string;
  readonly turnId?: string;
  readonly turn?: { readonly id: string };
  readonly item?: ThreadItem;
  readonly status?: unknown;
}

/** What one client was told of one thread, step by step. */
async function checkThread(client: TestClient, threadId: string): Promise<void> {
  const { thread } = await client.call("thread/read", { threadId });
  const running = new Set<string>();
  const ended = new Set<string>();
  const items = new Set<string>();
  let status: unknown = { type: "idle" };
  for (const { method, params } of client.messages) {
    const told = (params ?? {}) as Told;
    if (method === undefined || told.threadId !== threadId) continue;
    const turnId = told.turn?.id ?? told.turnId ?? "";
    if (method === "thread/status/changed") {
      expect(told.status).not.toEqual(status);
      ({ status } = told);
    } else if (method === "turn/started") {
      expect([...running, ...ended]).not.toContain(turnId);
      running.add(turnId);
    } else if (method === "turn/completed") {
      expect(running.delete(turnId)).toBe(true);
      ended.add(turnId);
    } else if (method.startsWith("item/") && told.item !== undefined) {
      expect(ended).not.toContain(turnId);
      const key = `${turnId} ${told.item.type} ${told.item.id}`;
      if (method === "item/started") items.add(key);
      else expect(items).toContain(key);
    }
  }
  expect([...running]).toEqual([]);
  expect(thread.status).toEqual(status);
}

/** Each request has one answer, and who began a turn is told of it after the answer that names it. */
function checkAnswers(clients: readonly TestClient[]): void {
  for (const { messages } of clients) {
    const answers = messages.filter(({ method }) => method === undefined).map(({ id }) => id);
    expect(new Set(answers).size).toBe(answers.length);
  }
  const named = clients.flatMap(({ messages }) => messages.flatMap((message) => answeredTurn(message) ?? []));
  for (const turnId of new Set(named)) {
    const isAnsweredFirst = clients.some(({ messages }) => {
      const answered = messages.findIndex((message) => answeredTurn(message) === turnId);
      const started = messages.findIndex(
        ({ method, params }) => method === "turn/started" && (params as Told).turn?.id === turnId,
      );
      return answered >= 0 && answered < started;
    });
    expect(isAnsweredFirst).toBe(true);
  }
}

/** The turn that an answer says was begun. */
function answeredTurn({ method, result }: Message): string | undefined {
  return method === undefined ? (result as Told | undefined)?.turn?.id : undefined;
}

function isAbout(threads: readonly string[]): (message: Message) => boolean {
  return ({ id, method, params }) =>
    id === undefined && method?.startsWith("turn/") === true && threads.includes((params as Told).threadId ?? "");
}

function withoutIds({ method, params }: Message): unknown {
  return [method, (params as Told).turn?.id];
}
