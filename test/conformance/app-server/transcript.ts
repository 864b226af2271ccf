/**
 * What went over one connection, in order, and the text form in which the peer's is kept: `->` sent, `<-`
 * received, `##` a heading, `!!` no answer in time, `$` a shell command of the recording with its output
 * (passed over), `exit` the end of a process. Values are normalised in it: see transcript-normaliser.ts.
 */

/** A message as JSON. What is in it is what is being tested. */
export type Message = Readonly<Record<string, unknown>>;

/** One thing that happened. */
export type TranscriptEntry =
  | { readonly kind: "note"; readonly text: string }
  | { readonly kind: "sent"; readonly message: Message | null }
  | { readonly kind: "received"; readonly message: Message }
  /** Nothing more was to come here: what follows answers something else. */
  | { readonly kind: "settled" }
  | { readonly kind: "exited"; readonly code: number | null };

/** Stands for an answer that did not come in time. */
export function unanswered(id: unknown): Message {
  return { id, unanswered: true };
}

/** Reads a transcript that was kept. */
export function parseTranscript(text: string): readonly TranscriptEntry[] {
  const entries: TranscriptEntry[] = [];
  let isShellOutput = false;
  for (const line of text.split("\n")) {
    const entry = parseLine(line, entries);
    if (entry !== null) entries.push(entry);
    if (line.startsWith("$ ")) isShellOutput = true;
    else if (entry !== null) isShellOutput = false;
    else if (line !== "" && !isShellOutput) throw new Error(`no line of a transcript: ${line.slice(0, 80)}`);
  }
  return entries;
}

function parseLine(line: string, before: readonly TranscriptEntry[]): TranscriptEntry | null {
  if (line.startsWith("## ")) return { kind: "note", text: line.slice(3) };
  if (line.startsWith("->raw ")) return { kind: "sent", message: messageOf(line.slice(6)) };
  if (line.startsWith("-> ")) return { kind: "sent", message: messageOf(line.slice(3)) };
  if (line.startsWith("<- ")) return { kind: "received", message: JSON.parse(line.slice(3)) as Message };
  if (line.startsWith("!! timeout ")) return { kind: "received", message: unanswered(lastSentId(before)) };
  if (!line.startsWith("exit ")) return null;
  return { kind: "exited", code: (JSON.parse(line.slice(5)) as { readonly code: number | null }).code };
}

function lastSentId(entries: readonly TranscriptEntry[]): unknown {
  const sent = entries.findLast((entry) => entry.kind === "sent");
  return sent?.kind === "sent" ? sent.message?.["id"] : undefined;
}

/** The message that a line holds; null when it holds none. */
export function messageOf(line: string): Message | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Message) : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
