/**
 * What a client introduces itself with, read twice: by hand before the schemas are loaded, and by the schemas. The
 * hand may leave a client to the schemas, but never takes one that they refuse, or takes it otherwise.
 */
import fc from "fast-check";
import { expect, it } from "vitest";

import { checkClientInfo, readIntroduction } from "../../src/server/client-info.ts";
import { parseParams } from "../../src/server/protocol/index.ts";

/** A member as clients send it, or anything else. */
function member(usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.oneof({ weight: 6, arbitrary: usual }, { weight: 1, arbitrary: fc.jsonValue() });
}

const arbInfo = fc.record(
  { name: member(fc.string()), title: member(fc.string()), version: member(fc.string()), more: fc.jsonValue() },
  { requiredKeys: ["name", "version"] },
);
const arbCapabilities = fc.record(
  {
    experimentalApi: member(fc.boolean()),
    optOutNotificationMethods: member(fc.array(fc.string(), { maxLength: 3 })),
    requestAttestation: fc.boolean(),
  },
  { requiredKeys: [] },
);
const arbParams = fc.record(
  { clientInfo: member(arbInfo), capabilities: member(arbCapabilities) },
  { requiredKeys: ["clientInfo"] },
);

it("law: who is read by hand is read by the schemas as the same client", () => {
  let taken = 0;
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: arbParams }, { weight: 1, arbitrary: fc.jsonValue() }), (params) => {
      const client = readIntroduction(params);
      if (client === null) return;
      taken += 1;
      const parsed = parseParams("initialize", params);
      expect(parsed.ok && checkClientInfo(parsed.params)).toEqual(client);
    }),
    { numRuns: 2_000 },
  );
  expect(taken).toBeGreaterThan(200);
});

it.each([
  { clientInfo: { name: "codex-tui", title: null, version: "0.130.0" }, capabilities: { experimentalApi: true } },
  { clientInfo: { name: "sdk", version: "1" } },
  { clientInfo: { name: "sdk", version: "1" }, capabilities: null },
  { clientInfo: { name: "acp", version: "2", title: "ACP" }, capabilities: { optOutNotificationMethods: null } },
])("takes real clients by hand: %j", (params) => {
  expect(readIntroduction(params)?.name).toBe(params.clientInfo.name);
});
