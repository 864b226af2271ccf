/**
 * The oldest Node that Skein runs on: the number that package.json promises is the one that programs are held to, and
 * an older Node is told which it is.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { projectRoot } from "../../scripts/source-files.ts";
import { NODE_NEEDED, requireNode } from "../../src/base/node-version.ts";

test("the oldest Node is the one that package.json names", () => {
  const { engines } = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
    readonly engines: { readonly node: string };
  };
  expect(engines.node).toBe(`>=${NODE_NEEDED.join(".")}`);
});

test("an older one is told which is needed, one that is not is let pass", () => {
  for (const version of ["v20.20.2", "v22.13.1", "v18.0.0"]) {
    expect(() => requireNode(version)).toThrow(`Skein needs Node 22.14 or later, and this is Node ${version}`);
  }
  for (const version of ["v22.14.0", "v24.0.0", "v26.1.0"]) requireNode(version);
  requireNode();
});
