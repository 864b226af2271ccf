/**
 * `npm run bench`: every bench of the project in one run on one machine, one after another, each as a
 * process of its own so that none heats the other's heap. Each prints its table and its goal; the ratios
 * in a table come from the same run and can be compared, figures of different runs can't.
 *
 *   --quick   smaller sizes, for a look
 *   --json    JSON, one value a bench
 *   NAME …    only these: append, turn, replay, state, server, memory, postgres, peers
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

interface Bench {
  readonly file: string;
  readonly node?: readonly string[];
  readonly quick: readonly string[];
}

const BENCHES: Readonly<Record<string, Bench>> = {
  append: { file: "append.ts", quick: ["--quick"] },
  turn: { file: "turn-cpu.ts", quick: ["--turns", "200"] },
  replay: { file: "replay.ts", quick: ["--quick"] },
  state: { file: "state-db.ts", quick: ["--quick"] },
  server: { file: "server.ts", quick: ["--quick"] },
  postgres: { file: "postgres.ts", quick: ["--quick"] },
  peers: { file: "peers.ts", quick: ["--quick"] },
  memory: { file: "idle-memory.ts", node: ["--expose-gc"], quick: ["--threads", "1000"] },
};

/** Runs one bench; resolves with its exit code. */
function run(bench: Bench, options: { readonly isQuick: boolean; readonly isJson: boolean }): Promise<number> {
  const path = fileURLToPath(new URL(bench.file, import.meta.url));
  const sizes = options.isQuick ? bench.quick : [];
  const json = options.isJson ? ["--json"] : [];
  const child = spawn(process.execPath, [...(bench.node ?? []), path, ...sizes, ...json], { stdio: "inherit" });
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("exit", (code) => resolve(code ?? 1));
  });
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { quick: { type: "boolean", default: false }, json: { type: "boolean", default: false } },
  });
  const names = positionals.length > 0 ? positionals : Object.keys(BENCHES);
  for (const name of names) {
    const bench = BENCHES[name];
    if (bench === undefined) {
      process.stderr.write(`bench: no bench is called ${name}; there are ${Object.keys(BENCHES).join(", ")}\n`);
      return 2;
    }
    process.stderr.write(`bench: ${name}\n`);
    const code = await run(bench, { isQuick: values.quick, isJson: values.json });
    if (code !== 0) return code;
  }
  return 0;
}

process.exitCode = await main();
