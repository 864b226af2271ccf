/**
 * The protocol's kinds of a thread's source, as a filter. A store filters by a source's word alone; which sub-agent
 * or which custom client it was is looked at here, so a page may have to be filled by another one.
 */
import { sourceWord, type StoredThread } from "../store/index.ts";

/** Which threads are listed by who began them. */
export interface SourceFilter {
  /** What the store can tell; absent: everything. */
  readonly sources?: readonly string[];
  /** What it can't. */
  readonly isShown: (thread: Pick<StoredThread, "source">) => boolean;
}

type Source = StoredThread["source"];

/** Clients whose threads are people's own, beside `cli` and `vscode`. */
const INTERACTIVE_CLIENTS: ReadonlySet<unknown> = new Set(["atlas", "chatgpt"]);
const KNOWN_WORDS: ReadonlySet<string> = new Set(["cli", "vscode", "exec", "mcp", "custom", "subagent"]);

interface Kind {
  readonly word?: string;
  readonly matches: (source: Source) => boolean;
}

/** The kinds by their names in the protocol. */
const KINDS: ReadonlyMap<string, Kind> = new Map([
  ["cli", plain("cli")],
  ["vscode", plain("vscode")],
  ["exec", plain("exec")],
  ["appServer", plain("mcp")],
  ["subAgent", subAgent(() => true)],
  ["subAgentReview", subAgent((agent) => agent === "review")],
  ["subAgentCompact", subAgent((agent) => agent === "compact")],
  ["subAgentThreadSpawn", subAgent((agent) => hasMember(agent, "thread_spawn"))],
  ["subAgentOther", subAgent((agent) => hasMember(agent, "other"))],
  ["unknown", { matches: (source) => !KNOWN_WORDS.has(sourceWord(source)) }],
]);

const INTERACTIVE: readonly Kind[] = [
  plain("cli"),
  plain("vscode"),
  { word: "custom", matches: (source) => INTERACTIVE_CLIENTS.has(memberOf(source, "custom")) },
];

/** The filter of a list: no kinds, or none of them named, means what people began themselves. */
export function sourceFilterOf(names: readonly string[] | null | undefined): SourceFilter {
  const asked = names ?? [];
  const kinds = asked.length === 0 ? INTERACTIVE : asked.flatMap((name) => KINDS.get(name) ?? []);
  const words = kinds.map((kind) => kind.word);
  return {
    // One kind that is no word of its own, and the store can't narrow it down.
    ...(words.every((word) => word !== undefined) ? { sources: [...new Set(words)] } : {}),
    isShown: ({ source }) => kinds.some((kind) => kind.matches(source)),
  };
}

function plain(word: string): Kind {
  return { word, matches: (source) => source === word };
}

function subAgent(isWanted: (agent: unknown) => boolean): Kind {
  return {
    word: "subagent",
    matches: (source) => sourceWord(source) === "subagent" && isWanted(memberOf(source, "subagent")),
  };
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Object.getOwnPropertyDescriptor(value, name)?.value : undefined;
}

function hasMember(value: unknown, name: string): boolean {
  return memberOf(value, name) !== undefined;
}
