/**
 * Laws about calls that no types would let through: nothing, null, a list or a number where an object, a text
 * or a writer belongs. Each is the caller's mistake and is told as such, with the same code by every store;
 * a TypeError, or an io_error about one, would send the caller looking in the wrong place.
 */
import fc from "fast-check";

import { arbOfOtherKind, callMembers } from "../call-members.ts";
import { seedThread, userMessage } from "../law-steps.ts";
import { allRefused, arbShapes, type BadCall, badMemberCalls, callAnyhow, type Shapes } from "../refusal-steps.ts";
import { meetsNeed } from "../store-claims.ts";
import { type LawPlace, type StoreLaw, storeLaw } from "../store-law.ts";

/** The methods that take an object of parameters, by the members that the table knows of them. */
const methods = [...new Set(Object.keys(callMembers).map((member) => member.split(".")[0] ?? ""))];

/** The laws of this file. */
export const badCallLaws: readonly StoreLaw[] = [
  storeLaw({
    id: "bad-call.parameters",
    title: "a call without parameters, or with something else in their place, is refused and changes nothing",
    runs: 12,
    generator: arbShapes(methods, (method) =>
      // A list can do without.
      method === "listThreads" ? arbOfOtherKind("object") : fc.oneof(arbOfOtherKind("object"), fc.constant(undefined)),
    ),
    holds: badParametersAreRefused,
  }),
  storeLaw({
    id: "bad-call.members",
    title: "a member of the wrong kind is refused and changes nothing",
    generator: arbShapes(Object.keys(callMembers), (member) => {
      const kind = callMembers[member]?.kind;
      return kind === undefined ? undefined : arbOfOtherKind(kind);
    }),
    holds: badMembersAreRefused,
  }),
  storeLaw({
    id: "bad-call.writers",
    title: "what is no writer is refused, and discarding it does nothing",
    runs: 12,
    generator: fc.array(arbNoWriter(), { minLength: 1, maxLength: 6 }),
    holds: badWritersAreRefused,
  }),
];

async function badParametersAreRefused(place: LawPlace, shapes: Shapes): Promise<void> {
  const store = await place.open();
  await seedThread(store);
  const calls = Object.entries(shapes).flatMap(([method, value]): readonly BadCall[] => {
    if (method === "searchThreads" && !meetsNeed(place.claims, "search")) return [];
    if (method === "listItems" && !meetsNeed(place.claims, "itemLists")) return [];
    return [{ what: method, code: "invalid_argument", run: () => callAnyhow(store, method, value) }];
  });
  await allRefused(store, calls);
}

async function badMembersAreRefused(place: LawPlace, shapes: Shapes): Promise<void> {
  const store = await place.open();
  const thread = await seedThread(store);
  const { claims } = place;
  await allRefused(
    store,
    badMemberCalls({ store, thread, claims }, shapes, (member) => callMembers[member]?.kindCode),
  );
}

function arbNoWriter(): fc.Arbitrary<unknown> {
  const id = "019b0000-0000-7000-8000-0000000000a1";
  const halves = [{ threadId: id }, { epoch: 1 }, { threadId: id, epoch: "1" }, { threadId: 5, epoch: 1 }];
  return fc.oneof(fc.constantFrom<unknown>(undefined, ...halves), arbOfOtherKind("object"), fc.constant({}));
}

async function badWritersAreRefused(place: LawPlace, noWriters: readonly unknown[]): Promise<void> {
  const store = await place.open();
  const thread = await seedThread(store);
  const items = [userMessage("x")];
  const code = "invalid_argument";
  const calls = noWriters.flatMap((writer, index): readonly BadCall[] => [
    { what: `append as ${index}`, code, run: () => callAnyhow(store, "appendItems", { writer, items }) },
    ...["persistThread", "flushThread", "shutdownThread"].map((method) => ({
      what: `${method} ${index}`,
      code: "invalid_argument" as const,
      run: () => callAnyhow(store, method, writer),
    })),
    ...(typeof writer === "function"
      ? []
      : [
          {
            what: `subscribe ${index}`,
            code: "invalid_argument" as const,
            run: () => callAnyhow(store, "subscribe", writer),
          },
        ]),
  ]);
  await allRefused(store, calls);
  for (const writer of noWriters) await callAnyhow(store, "discardThread", writer);
  await store.appendItems({ writer: thread.writer, items });
}
