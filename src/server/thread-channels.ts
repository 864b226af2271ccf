/**
 * Who gets what about which thread, and in which order. Notifications of a thread go to its subscribers or to
 * everybody; a request that starts something holds the thread's notifications back until its answer is written,
 * because clients learn the ids from the answer.
 *
 * Invariants
 *   C1  One thread's notifications leave in the order they were told, whoever they are for.
 *   C2  What is told while a thread is held leaves after the answer, all of it, in order.
 *   C3  What is held is bounded: past the bound it leaves at once, for memory goes before order.
 */
import { encodeNotification, type NotificationMethod, type NotificationParams } from "./protocol/index.ts";

/** What a channel needs of a connected client. */
export interface ChannelClient {
  /** Whether it was initialised, and did not opt out of this method. */
  wants(method: string): boolean;
  send(text: string): void;
}

/** Who a notification is for. */
export type Audience = "subscribers" | "all";

interface Held {
  holds: number;
  /** Each sends one notification, to those who are subscribed when it leaves. */
  waiting: (() => void)[];
}

/** Notifications kept back for one thread before they leave without waiting. */
const HELD_MAX = 10_000;

export class ThreadChannels<Client extends ChannelClient> {
  readonly #clients = new Set<Client>();
  readonly #subscribers = new Map<string, Set<Client>>();
  readonly #held = new Map<string, Held>();
  /** Subscribers of threads that are gone: what is held for them is theirs, and not of who subscribes anew. */
  readonly #dissolved = new WeakSet<Set<Client>>();

  /** A client connected. */
  join(client: Client): void {
    this.#clients.add(client);
  }

  /** A client is gone: it gets nothing more. Gives the threads it was subscribed to. */
  leave(client: Client): readonly string[] {
    this.#clients.delete(client);
    const left: string[] = [];
    for (const [threadId, subscribers] of this.#subscribers) {
      if (subscribers.delete(client)) left.push(threadId);
      if (subscribers.size === 0) this.#subscribers.delete(threadId);
    }
    return left;
  }

  /** Clients that are connected. */
  get clientCount(): number {
    return this.#clients.size;
  }

  subscribe(threadId: string, client: Client): void {
    if (!this.#clients.has(client)) return;
    const subscribers = this.#subscribers.get(threadId);
    if (subscribers === undefined) this.#subscribers.set(threadId, new Set([client]));
    else subscribers.add(client);
  }

  /** Whether it was subscribed. */
  unsubscribe(threadId: string, client: Client): boolean {
    const subscribers = this.#subscribers.get(threadId);
    if (subscribers === undefined) return false;
    const was = subscribers.delete(client);
    if (subscribers.size === 0) this.#subscribers.delete(threadId);
    return was;
  }

  /** Nobody is subscribed any more: the thread is gone. What was told before still reaches those who were. */
  dissolve(threadId: string): void {
    const subscribers = this.#subscribers.get(threadId);
    if (subscribers !== undefined) this.#dissolved.add(subscribers);
    this.#subscribers.delete(threadId);
  }

  subscribersOf(threadId: string): readonly Client[] {
    return [...(this.#subscribers.get(threadId) ?? [])];
  }

  hasSubscribers(threadId: string): boolean {
    return this.#subscribers.has(threadId);
  }

  /** Keeps the thread's notifications back until the answer is given; calls may overlap. */
  hold(threadId: string): () => void {
    const held = this.#held.get(threadId) ?? { holds: 0, waiting: [] };
    held.holds += 1;
    this.#held.set(threadId, held);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      held.holds -= 1;
      if (held.holds > 0) return;
      this.#held.delete(threadId);
      for (const send of held.waiting) send();
    };
  }

  /** Tells something about a thread. The text is only made where somebody gets it. */
  notify<Method extends NotificationMethod>(
    threadId: string,
    audience: Audience,
    message: { readonly method: Method; readonly params: NotificationParams<Method> },
  ): void {
    const told = this.#subscribers.get(threadId);
    this.inOrder(threadId, () => {
      const isTheirs = told !== undefined && this.#dissolved.has(told);
      const subscribers = isTheirs ? told : this.#subscribers.get(threadId);
      const clients = audience === "all" ? this.#clients : subscribers;
      if (clients !== undefined) deliver(clients, message);
    });
  }

  /** Sends in the thread's order: at once, or when what it waits for was answered. */
  inOrder(threadId: string, send: () => void): void {
    const held = this.#held.get(threadId);
    if (held === undefined) {
      send();
      return;
    }
    held.waiting.push(send);
    if (held.waiting.length < HELD_MAX) return;
    const waiting = held.waiting;
    held.waiting = [];
    for (const one of waiting) one();
  }
}

function deliver<Method extends NotificationMethod>(
  clients: Iterable<ChannelClient>,
  { method, params }: { readonly method: Method; readonly params: NotificationParams<Method> },
): void {
  let text: string | undefined;
  for (const client of clients) {
    if (!client.wants(method)) continue;
    text ??= encodeNotification(method, params);
    client.send(text);
  }
}
