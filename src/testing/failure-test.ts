/**
 * A broken law's failure as a whole test: the imports it needs, the calls that lead there, and in the end the law
 * itself on the same example, which fails until the store is mended. It is pasted into a file that has `fixture`.
 */

import { type TestModule, testModuleHere } from "./test-runner.ts";

/** Of a failure, what its test is made of: a LawFailure has it all. */
export interface FailedExample {
  readonly lawId: string;
  readonly title: string;
  readonly seed: number;
  readonly path: string;
  readonly replayPath?: string;
  /** The body of the test. */
  readonly script: string;
}

/** What a script may use, and where it comes from. */
const IMPORTS: readonly { readonly name: string; readonly from: string; readonly use: RegExp }[] = [
  { name: "rejects", from: "node:assert/strict", use: /\brejects\(/ },
  { name: "throws", from: "node:assert/strict", use: /\bthrows\(/ },
  { name: "type AppendableItem", from: "skein", use: /\bAppendableItem\b/ },
  { name: "type StoreEvent", from: "skein", use: /\bStoreEvent\b/ },
  { name: "systemClock", from: "skein", use: /\bsystemClock\b/ },
  { name: "createManualClock", from: "skein/testing", use: /\bcreateManualClock\(/ },
  { name: "createSettableClock", from: "skein/testing", use: /\bcreateSettableClock\(/ },
  { name: "replayLaw", from: "skein/testing", use: /\breplayLaw\(/ },
];

/**
 * The test as TypeScript. Its last line is `replayLaw`, which knows the laws of `storeLaws`. `module`: whose `it` it
 * is; default vitest's, or node:test's where that runs this process.
 */
export function failureTestText(failure: FailedExample, module: TestModule = testModuleHere()): string {
  const { lawId, title, script } = failure;
  const body = [
    ...script.split("\n").filter((line) => line !== ""),
    "// The law with this example: it fails until the store is mended.",
    `await replayLaw(${JSON.stringify(lawId)}, fixture, ${replayOptionsText(failure)});`,
  ];
  const test = [`it(${JSON.stringify(`${lawId}: ${title}`)}, async () => {`, ...body.map(indented), "});"].join("\n");
  return `${importsText(test, module)}\n\n${test}`;
}

/** What repeats the failure: `{ seed: 5, path: "3:0" }`. */
export function replayOptionsText({ seed, path, replayPath }: FailedExample): string {
  const options = [`seed: ${seed}`, `path: ${JSON.stringify(path)}`];
  if (replayPath !== undefined) options.push(`replayPath: ${JSON.stringify(replayPath)}`);
  return `{ ${options.join(", ")} }`;
}

function indented(line: string): string {
  return `  ${line}`;
}

function importsText(test: string, runner: TestModule): string {
  const used = [...IMPORTS.filter(({ use }) => use.test(test)), { name: "it", from: runner }];
  const modules = [...new Set(used.map(({ from }) => from))];
  return modules
    .map((module) => {
      const names = used.filter(({ from }) => from === module).map(({ name }) => name);
      return `import { ${names.join(", ")} } from ${JSON.stringify(module)};`;
    })
    .join("\n");
}
