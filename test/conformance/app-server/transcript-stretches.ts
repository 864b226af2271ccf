/**
 * Two transcripts of one script, cut at the same places: where the script waited until nothing more came. In
 * such a stretch the order of what came counts; between which of its requests a notification came does not,
 * since the script did not wait for it there. A place is the number of messages sent before it.
 */
import type { Message, TranscriptEntry } from "./transcript.ts";

/** A message, and what it may have been told for. */
export interface PlacedMessage {
  readonly message: Message;
  /** The method of the request that it answers; for others of the last request before it. Null: no request. */
  readonly request: string | null;
  /** What it is, short: messages of the same key are set side by side. */
  readonly key: string;
  /** The heading that it stands under. */
  readonly note: string;
  /** It says what the last message of its method said of this thread, of whichever turn. */
  readonly isRepeat: boolean;
}

/** What came between two such places. */
export interface TranscriptStretch {
  readonly messages: readonly PlacedMessage[];
}

/** Where the script waited, as numbers of messages sent. Only a transcript of ours knows. */
export function stretchPlaces(transcript: readonly TranscriptEntry[]): readonly number[] {
  const places: number[] = [];
  let sent = 0;
  for (const entry of transcript) {
    if (entry.kind === "sent") sent += 1;
    if (entry.kind === "settled" && places.at(-1) !== sent) places.push(sent);
  }
  return places;
}

/** Cuts the transcript: one stretch up to each place, and what came after the last of them goes to it. */
export function cutTranscript(
  transcript: readonly TranscriptEntry[],
  places: readonly number[],
): readonly TranscriptStretch[] {
  const stretches: { readonly messages: PlacedMessage[] }[] = places.map(() => ({ messages: [] }));
  const requests = new Map<unknown, string>();
  const lastSaid = new Map<string, string>();
  let sent = 0;
  let note = "";
  let request: string | null = null;
  for (const entry of transcript) {
    if (entry.kind === "note") note = entry.text;
    if (entry.kind === "sent") {
      sent += 1;
      request = typeof entry.message?.["method"] === "string" ? entry.message["method"] : null;
      if (request !== null) requests.set(entry.message?.["id"], request);
    }
    if (entry.kind !== "received") continue;
    const reached = places.findIndex((place) => sent <= place);
    const index = reached === -1 ? places.length - 1 : reached;
    const { message } = entry;
    const isAnswer = message["method"] === undefined;
    const params = message["params"];
    const said = JSON.stringify({ ...(params as object | undefined), turnId: null });
    const about = `${String(message["method"])} ${String(memberOf(params, "threadId"))}`;
    const isRepeat = !isAnswer && lastSaid.get(about) === said;
    lastSaid.set(about, said);
    const asked = isAnswer ? (requests.get(message["id"]) ?? request) : request;
    stretches[index]?.messages.push({ message, request: asked, key: messageKey(message), note, isRepeat });
  }
  return stretches;
}

/** What a message is, in a few words: an answer's id, a notification's method and what it is about. */
export function messageKey(message: Message): string {
  const { method, id } = message;
  if (typeof method !== "string") return `answer ${JSON.stringify(id)}`;
  const params = memberOf(message, "params");
  const item = memberOf(memberOf(params, "item"), "type");
  const status = memberOf(memberOf(params, "status"), "type");
  // Told several times in a turn: which one it is shows in its total.
  const total = memberOf(memberOf(memberOf(params, "tokenUsage"), "total"), "totalTokens");
  const about = [item, status, total].filter((word) => typeof word === "string" || typeof word === "number");
  return [id === undefined ? method : `request ${method}`, ...about].join(" ");
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
