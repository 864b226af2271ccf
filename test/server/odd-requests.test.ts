/**
 * Requests of every method with params that are odd, though many fit their schema: whatever is asked in whatever
 * state, the answer is a result or a refusal that says why, never an internal error, and the server goes on.
 */
import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { REQUESTS } from "../../src/server/protocol/index.ts";
import { openServer, type HomeKind, type TestClient } from "./server-fixture.ts";

const METHODS = Object.keys(REQUESTS).filter((method) => method !== "initialize");

/** Values by the member's name; `thread:N` becomes the id of the N-th thread there is. */
const POOLS: Readonly<Record<string, readonly unknown[]>> = {
  threadId: [
    "thread:0",
    "thread:1",
    "thread:2",
    "thread:3",
    "thread:4",
    "01a2b3c4-0000-7000-8000-00000000000f",
    "nope",
    "",
  ],
  conversationId: ["thread:0", "thread:1", "thread:2", "01a2b3c4-0000-7000-8000-00000000000f"],
  rolloutPath: ["/etc/hostname", "/nope", "", "x\u0000y", "/"],
  path: ["/etc/hostname", "/nope", "", "x\u0000y", "/", null],
  cursor: [
    "",
    "zzz",
    "{}",
    '{"turnId":"x","includeAnchor":true}',
    "e30",
    "thread:0",
    null,
    { type: "item", itemId: "item-1" },
  ],
  limit: [0, 1, 2, 100, 101, 4_294_967_295, null],
  numTurns: [0, 1, 2, 4_294_967_295],
  sortDirection: ["asc", "desc", null],
  sortKey: ["created_at", "updated_at", "recency_at", null],
  itemsView: ["notLoaded", "summary", "full", null],
  turnId: ["", "nope", "thread:0", null],
  expectedTurnId: ["", "nope"],
  beforeTurnId: ["", "nope"],
  input: [
    [],
    [{ type: "text", text: "hi" }],
    [{ type: "text", text: "" }],
    [{ type: "image", url: "" }],
    [{ type: "localImage", path: "/nope" }],
    [{ type: "mention", name: "", path: "" }],
  ],
  items: [
    [],
    [{}],
    [{ type: "message" }],
    [{ type: "x", y: null }],
    [1, null],
    [{ type: "message", role: "user", content: [] }],
  ],
  history: [[], [{ type: "message", role: "user", content: [{ type: "input_text", text: "h" }] }], [1], null],
  name: ["", " ", "N", "\u0000", "é".repeat(5_000), "a\nb"],
  gitInfo: [{}, null, { sha: "" }, { branch: null }, { sha: "x", originUrl: "\u0000" }],
  mode: ["enabled", "disabled"],
  searchTerm: ["", " ", "hi", "%", '"', "\u0000", "(", "*", null],
  cwd: ["", "/", "x", "\u0000", ["a", ""], [], null],
  cwds: [[], ["/"], ["\u0000"]],
  modelProviders: [[], ["x"], null],
  sourceKinds: [[], ["cli"], ["unknown"], ["subAgentOther", "exec"], null],
  archived: [true, false, null],
  target: [{ type: "uncommittedChanges" }, { type: "custom", instructions: "" }, { type: "commit", sha: "x" }],
  delivery: ["inline", "detached", null],
  model: ["", "m", null],
  effort: ["low", "none", null],
  config: [{}, { model_provider: 1 }, null],
  dynamicTools: [
    [],
    [{ name: "", description: "", inputSchema: 1 }],
    [{ name: "t", description: "", inputSchema: {} }],
    null,
  ],
  outputSchema: [{}, 1, null],
  ephemeral: [true, false],
  excludeTurns: [true, false],
  includeTurns: [true, false],
  useStateDbOnly: [true, false],
  subscriptionId: ["", "nope"],
  checkpoint: ["", "c", "../c", "\u0000"],
  from: [0, 1, 1_000_000, null],
  nextOrdinal: [0, 1, 1_000_000],
  window: [0, 1, 10_000, null],
};
const ODD: readonly unknown[] = [null, true, 0, -1, 1.5, "", "x", [], {}, [{}], { x: [] }];

/** Members of a method's params; a union's are all of its options'. */
function membersOf(method: string): readonly string[] {
  const schema = Object.entries(REQUESTS).find(([name]) => name === method)?.[1].params;
  const { shape, options } = (schema?.def ?? {}) as {
    readonly shape?: object;
    readonly options?: readonly { readonly def: { readonly shape: object } }[];
  };
  return options === undefined ? Object.keys(shape ?? {}) : options.flatMap((option) => Object.keys(option.def.shape));
}

const arbRequest = fc.constantFrom(...METHODS).chain((method) => {
  const arbMember = (name: string): fc.Arbitrary<unknown> =>
    fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...(POOLS[name] ?? [undefined])) },
      { weight: 1, arbitrary: fc.constantFrom(...ODD) },
      { weight: 2, arbitrary: fc.constant(undefined) },
    );
  const members = Object.fromEntries(membersOf(method).map((name) => [name, arbMember(name)]));
  // The threads are needed to the end; what deleting does to one is another test's.
  if (method === "thread/delete") return fc.constant({ method, params: { threadId: "nope" } });
  return fc.record(members).map((params) => ({ method, params }));
});

/** Threads in five states: idle, running, archived, ephemeral, without a record. */
async function makeThreads(client: TestClient): Promise<readonly string[]> {
  const idle = await client.startThread();
  await client.runTurn(idle, "hi");
  const running = await client.startThread();
  await client.startTurn(running, "wait");
  const archived = await client.startThread();
  await client.runTurn(archived, "hi");
  await client.call("thread/archive", { threadId: archived });
  return [idle, running, archived, await client.startThread({ ephemeral: true }), await client.startThread()];
}

describe("odd requests", () => {
  it.each(["memory", "local", "indexed"] as const satisfies readonly HomeKind[])(
    "to a server with a %s home are answered or refused, never with an internal error",
    async (kind) => {
      const fixture = await openServer({
        kind,
        agent: [[{ say: "Hi." }], [{ untilAborted: true }], [{ say: "Hi." }]],
      });
      const client = await fixture.connect();
      const threads = await makeThreads(client);
      try {
        await fc.assert(
          fc.asyncProperty(arbRequest, async ({ method, params }) => {
            const text = JSON.stringify(params).replace(/thread:(\d)/g, (_, index) => threads[Number(index)] ?? "");
            const { error } = await client.request(method, JSON.parse(text));
            if (error === undefined) return;
            expect(error.message).not.toMatch(/^internal error/);
            expect([-32_600, -32_601, -32_602, -32_603]).toContain(error.code);
            if (error.code === -32_603)
              expect(error.data?.["skeinCode"]).toMatch(/^(state_db_required|rollout_unreadable)$/);
          }),
          { numRuns: Number(process.env["SKEIN_RUNS"] ?? 300) },
        );
        expect((await client.call("model/list")).data.length).toBe(1);
      } finally {
        await fixture.close();
      }
    },
  );
});
