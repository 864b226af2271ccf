/**
 * What a client was told of turns, taken off the wire until its server died, and what of it a server that is
 * started again on the same home doesn't know. A fact counts from the moment its line was read.
 */
import type { Members } from "./server-process.ts";

/** Something a client was told, by the thread it is about. */
export type ToldFact = { readonly threadId: string; readonly turnId: string } & (
  | { readonly what: "accepted" | "started" | "completed" }
  | { readonly what: "item"; readonly kind: string; readonly text: string }
);

/** Collects facts from one connection's messages. */
export class ToldFacts {
  readonly facts: ToldFact[] = [];

  /** The answer to a turn/start. */
  accepted(threadId: string, turnId: string): ToldFact {
    return this.#add({ what: "accepted", threadId, turnId });
  }

  /** A notification; the fact that it tells, or null. */
  take(method: string, params: Members): ToldFact | null {
    const threadId = String(params["threadId"]);
    if (method === "item/completed") {
      const { type, text, content } = params["item"] as Members;
      const shown = type === "userMessage" ? textOfContent(content) : String(text);
      return this.#add({ what: "item", threadId, turnId: String(params["turnId"]), kind: String(type), text: shown });
    }
    const turn = params["turn"] as Members | undefined;
    if (turn === undefined || (method !== "turn/started" && method !== "turn/completed")) return null;
    return this.#add({
      what: method === "turn/started" ? "started" : "completed",
      threadId,
      turnId: String(turn["id"]),
    });
  }

  /** Those that a thread, as a restarted server resumes it, doesn't bear out; null: it can't be resumed. */
  missingIn(thread: Members | null): readonly ToldFact[] {
    const turns = ((thread?.["turns"] ?? []) as readonly Members[]).map((turn) => [turn["id"], turn] as const);
    const byId = new Map<unknown, Members>(turns);
    return this.facts.filter((fact) => !isBorneOut(fact, byId.get(fact.turnId)));
  }

  #add(fact: ToldFact): ToldFact {
    this.facts.push(fact);
    return fact;
  }
}

function isBorneOut(fact: ToldFact, turn: Members | undefined): boolean {
  if (turn === undefined) return false;
  if (fact.what === "completed") return turn["status"] === "completed";
  if (fact.what !== "item") return true;
  const items = turn["items"] as readonly Members[];
  return items.some(({ type, text, content }) => {
    return type === fact.kind && (type === "userMessage" ? textOfContent(content) : text) === fact.text;
  });
}

function textOfContent(content: unknown): string {
  return ((content ?? []) as readonly { readonly text?: string }[]).map(({ text }) => text ?? "").join("");
}
