/**
 * Makes a run's messages comparable with those of another day: ids become `<U1>`, `<U2>` … in the order in
 * which they are met, times `<sec>`, `<ms>` and `<TS>`, durations `<dur>`, the machine that a user agent names `<OS>`, and the run's own folders their
 * names. Hashes of commits become `<SHA>`, here and in what was recorded, since a repository made anew has another.
 */
import type { Message, TranscriptEntry } from "./transcript.ts";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const DURATION_MEMBERS = /durationMs|duration_ms|time_to_first_token_ms|timeUsedSeconds/;
const MS_FROM = 1.5e12;
const SEC_FROM = 1.5e9;

/** Folders of the run by the names they have in transcripts: `<HOME>`, `<WS>`. Longer paths come first. */
export type RunFolders = readonly (readonly [path: string, name: string])[];

/** Normalises one run: the same id has the same name in all of its messages. */
export class TranscriptNormaliser {
  readonly #folders: RunFolders;
  readonly #ids = new Map<string, string>();

  constructor(folders: RunFolders) {
    this.#folders = folders;
  }

  /** The entry with its values made comparable. */
  entry(entry: TranscriptEntry): TranscriptEntry {
    if (entry.kind !== "sent" && entry.kind !== "received") return entry;
    return entry.message === null ? entry : { ...entry, message: this.#value(entry.message, "") as Message };
  }

  #value(value: unknown, key: string): unknown {
    if (typeof value === "string") return this.#text(value);
    if (typeof value === "number") return normaliseNumber(value, key);
    if (Array.isArray(value)) return value.map((element) => this.#value(element, key));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [this.#text(name), this.#value(member, name)]),
    );
  }

  #text(original: string): string {
    let text = original;
    for (const [path, name] of this.#folders) text = text.replaceAll(path, name);
    text = text.replaceAll(UUID, (id) => {
      const known = this.#ids.get(id) ?? `<U${this.#ids.size + 1}>`;
      this.#ids.set(id, known);
      return known;
    });
    return normaliseTimes(text);
  }
}

function normaliseTimes(text: string): string {
  return text
    .replaceAll(/\d{4}\/\d{2}\/\d{2}(?=\/)/g, "<Y/M/D>")
    .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}/g, "<FTS>")
    .replaceAll(/\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|\+00:00)/g, "<TS>")
    .replaceAll(/\([^();]+; \w+\) \S+ \(/g, "(<OS>) <TERM> (")
    .replaceAll(/(_mock_)\d{4}/g, "$1N")
    .replaceAll(/\b[0-9a-f]{40}\b/g, "<SHA>");
}

function normaliseNumber(value: number, key: string): unknown {
  if (value > MS_FROM) return "<ms>";
  if (value > SEC_FROM) return "<sec>";
  return DURATION_MEMBERS.test(key) ? "<dur>" : value;
}

/** What was recorded, with what names its day and machine replaced, and the kinds of its ids (`<U3v4>`) left out. */
export function normaliseRecorded(text: string): string {
  return normaliseTimes(text).replaceAll(/<U(\d+)v\d>/g, "<U$1>");
}
