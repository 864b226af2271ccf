/**
 * Channels: who gets what, in which order, and what waits for an answer. The clients here only keep what they are
 * sent.
 */
import { describe, expect, it } from "vitest";

import { type ChannelClient, ThreadChannels } from "../../src/server/thread-channels.ts";

class Listening implements ChannelClient {
  readonly texts: string[] = [];
  readonly optedOut = new Set<string>();

  wants(method: string): boolean {
    return !this.optedOut.has(method);
  }

  send(text: string): void {
    this.texts.push(text);
  }

  get methods(): readonly string[] {
    return this.texts.map((text) => (JSON.parse(text) as { readonly method: string }).method);
  }
}

const THREAD = "0195a000-0000-7000-8000-000000000001";

function joined(channels: ThreadChannels<Listening>, ...threads: readonly string[]): Listening {
  const client = new Listening();
  channels.join(client);
  for (const threadId of threads) channels.subscribe(threadId, client);
  return client;
}

const archived = { method: "thread/archived", params: { threadId: THREAD } } as const;
const closed = { method: "thread/closed", params: { threadId: THREAD } } as const;

describe("thread channels", () => {
  it("sends to subscribers, or to every client that is connected", () => {
    const channels = new ThreadChannels<Listening>();
    const subscribed = joined(channels, THREAD);
    const other = joined(channels);
    channels.notify(THREAD, "subscribers", closed);
    channels.notify(THREAD, "all", archived);
    expect(subscribed.methods).toEqual(["thread/closed", "thread/archived"]);
    expect(other.methods).toEqual(["thread/archived"]);
  });

  it("sends nothing that a client opted out of, and nothing to one that left", () => {
    const channels = new ThreadChannels<Listening>();
    const picky = joined(channels, THREAD);
    picky.optedOut.add("thread/closed");
    const gone = joined(channels, THREAD);
    expect(channels.leave(gone)).toEqual([THREAD]);
    channels.notify(THREAD, "subscribers", closed);
    expect([...picky.texts, ...gone.texts]).toEqual([]);
    channels.subscribe(THREAD, gone);
    expect(channels.subscribersOf(THREAD)).toEqual([picky]);
  });

  it("holds a thread's notifications until the last of overlapping holds is released, in order (C1, C2)", () => {
    const channels = new ThreadChannels<Listening>();
    const client = joined(channels, THREAD);
    const first = channels.hold(THREAD);
    const second = channels.hold(THREAD);
    channels.notify(THREAD, "subscribers", closed);
    channels.notify(THREAD, "all", archived);
    channels.notify("another", "all", closed);
    first();
    first();
    expect(client.methods).toEqual(["thread/closed"]);
    second();
    expect(client.methods).toEqual(["thread/closed", "thread/closed", "thread/archived"]);
  });

  it("lets what is held go when there is too much of it (C3)", () => {
    const channels = new ThreadChannels<Listening>();
    const client = joined(channels, THREAD);
    const release = channels.hold(THREAD);
    for (let count = 0; count < 10_001; count += 1) channels.notify(THREAD, "subscribers", closed);
    expect(client.texts).toHaveLength(10_000);
    release();
    expect(client.texts).toHaveLength(10_001);
  });

  it("tells who subscribes while it is held, and not who left meanwhile", () => {
    const channels = new ThreadChannels<Listening>();
    const leaving = joined(channels, THREAD);
    const release = channels.hold(THREAD);
    channels.notify(THREAD, "subscribers", closed);
    channels.unsubscribe(THREAD, leaving);
    const late = joined(channels, THREAD);
    release();
    expect(leaving.methods).toEqual([]);
    expect(late.methods).toEqual(["thread/closed"]);
  });

  it("tells what is held of a thread that is gone to who was subscribed, and not to who subscribes anew", () => {
    const channels = new ThreadChannels<Listening>();
    const before = joined(channels, THREAD);
    const release = channels.hold(THREAD);
    channels.notify(THREAD, "subscribers", closed);
    channels.dissolve(THREAD);
    const anew = joined(channels, THREAD);
    channels.notify(THREAD, "subscribers", archived);
    release();
    expect(before.methods).toEqual(["thread/closed"]);
    expect(anew.methods).toEqual(["thread/archived"]);
    expect(channels.hasSubscribers(THREAD)).toBe(true);
  });
});
