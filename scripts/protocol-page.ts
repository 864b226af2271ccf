/**
 * Writes docs/PROTOCOL.md, the reference page of the protocol, from its definitions. `--check` writes nothing and
 * exits with 1 when the page is not what they give.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { protocolReference } from "../src/server/protocol/index.ts";
import { projectRoot } from "./source-files.ts";

const path = join(projectRoot, "docs", "PROTOCOL.md");
const page = protocolReference();
if (process.argv.includes("--check")) {
  if (readFileSync(path, "utf8") !== page) {
    console.error("docs/PROTOCOL.md is not up to date: run `node scripts/protocol-page.ts`");
    process.exitCode = 1;
  }
} else {
  writeFileSync(path, page);
  console.log("docs/PROTOCOL.md written");
}
