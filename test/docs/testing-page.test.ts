/**
 * The bug that docs/TESTING.md tells of is found as it says: what the worked example prints is what the page shows.
 * The example runs on the built package, as a reader runs it.
 */
import { afterAll, beforeAll, expect, test } from "vitest";

import { ensureBuilt } from "../../scripts/build.ts";
import { projectRoot } from "../../scripts/source-files.ts";
import { testingPage } from "../../scripts/testing-page.ts";
import { type DocWorkplace, openDocWorkplace } from "./doc-workplace.ts";

let workplace: DocWorkplace;

beforeAll(async () => {
  await ensureBuilt(projectRoot);
  workplace = openDocWorkplace(projectRoot);
}, 120_000);
afterAll(() => workplace.close());

test(
  "docs/TESTING.md shows what its example prints; `node scripts/testing-page.ts` writes it anew",
  {
    timeout: 90_000,
  },
  async () => {
    const { now, wanted } = await testingPage(workplace);
    expect(now).toBe(wanted);
  },
);
