/**
 * The client's side of its session: numbers the calls so that the server begins them in their order, holds the
 * session for as long as the store is open, and goes on with it after a lost connection. Where the server let go of
 * it meanwhile, a new one begins; what was opened in the old one is closed then.
 */
import { type Clock, type Logger, SKEIN_VERSION, type Timer } from "../../base/index.ts";
import { type StoreDurability, toStoreDurability } from "../durability.ts";
import type {
  CallPlace,
  OpenSessionResponse,
  StoreDurability as WireDurability,
} from "./gen/skein/thread_store/v1/thread_store_pb.ts";
import { BRIEF_PATIENCE_MS, isSessionOver, type RemoteLink } from "./remote-link.ts";
import { durabilityOf } from "./wire-writers.ts";

/** Where a call stands, as the server is told, and what is known here of its session. */
export interface CallStand extends Pick<CallPlace, "sessionId" | "number" | "after"> {
  /** The server of that session makes what has a creation key once. */
  readonly knowsCreationKeys: boolean;
}

/** What a session is made with. */
export interface RemoteSessionOptions {
  readonly link: RemoteLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly clientName: string;
}

/** See the file's head. */
export class RemoteSession {
  readonly #options: RemoteSessionOptions;
  #id = "";
  #number = 0n;
  /** The newest call that may have reached the server. */
  #last = 0n;
  #opening: Promise<OpenSessionResponse> | null = null;
  #beat: Timer | null = null;
  #durability: StoreDurability | undefined;
  #knowsCreationKeys = false;

  constructor(options: RemoteSessionOptions) {
    this.#options = options;
  }

  /** Begins it, and holds it from then on. */
  async open(): Promise<OpenSessionResponse> {
    const opened = await this.#openAnew();
    this.#hold().catch((error: unknown) => {
      this.#options.logger.debug({ error }, "the session is not held any more");
    });
    this.#scheduleBeat(opened.keepAliveMs);
    return opened;
  }

  /** The served store's, as it was told last; undefined where the server doesn't tell. */
  get durability(): StoreDurability | undefined {
    return this.#durability;
  }

  /** Names the session that calls are made in now. */
  get id(): string {
    return this.#id;
  }

  /** The next call's place: behind all that were made before. */
  nextPlace(): CallStand {
    this.#number += 1n;
    const place = { sessionId: this.#id, number: this.#number, after: this.#last };
    this.#last = this.#number;
    return { ...place, knowsCreationKeys: this.#knowsCreationKeys };
  }

  /** A call failed, and may never come: the next ones don't wait for it. */
  breakOrder(): void {
    this.#last = 0n;
  }

  /** Goes on with the session, or begins a new one; one at a time for all who ask. */
  reopen(): Promise<OpenSessionResponse> {
    this.#opening ??= this.#openAnew().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  /** Holds it no more. */
  close(): void {
    this.#beat?.cancel();
    this.#beat = null;
  }

  async #openAnew(): Promise<OpenSessionResponse> {
    const { link, clientName, logger } = this.#options;
    const request = { sessionId: this.#id, clientName, clientVersion: SKEIN_VERSION };
    // Who opens a store hears soon that nobody is there.
    const kind = { isRepeatable: true, ...(this.#id === "" ? { patienceMs: BRIEF_PATIENCE_MS } : {}) };
    const opened = await link.call(kind, (options) => link.client.openSession(request, options));
    this.#noteDurability(opened.durability);
    // Another server may answer at the same place by now, an older one or a newer one.
    this.#knowsCreationKeys = opened.knowsCreationKeys;
    if (!opened.isSame) {
      if (this.#id !== "") logger.warn({ url: link.url }, "the server let go of the session; its writers are closed");
      this.#id = opened.sessionId;
      this.breakOrder();
    }
    return opened;
  }

  /** Holds the session until the store is closed, over one connection after another. */
  async #hold(): Promise<void> {
    const { link, logger } = this.#options;
    for (let failures = 0; !link.closing.aborted;) {
      try {
        const held = link.client.holdSession({ sessionId: this.#id }, { signal: link.closing });
        for await (const _ of held) failures = 0;
      } catch (error) {
        if (link.closing.aborted) return;
        if (!isSessionOver(link.told(error))) logger.info({ error, url: link.url }, "the connection was lost");
      }
      await link.pause(failures);
      failures += 1;
      try {
        await this.reopen();
      } catch (error) {
        logger.debug({ error, url: link.url }, "the server can't be reached yet");
      }
    }
  }

  #scheduleBeat(everyMs: number): void {
    const { link, clock, logger } = this.#options;
    this.#beat = clock.setTimer(everyMs, () => {
      const beat = link.client.keepAlive({ sessionId: this.#id }, { signal: link.closing, timeoutMs: everyMs });
      beat
        .then(({ durability }) => this.#noteDurability(durability))
        .catch((error: unknown) => logger.debug({ error }, "a sign of life was not heard"));
      if (!link.closing.aborted) this.#scheduleBeat(everyMs);
    });
  }

  #noteDurability(told: WireDurability | undefined): void {
    if (told !== undefined) this.#durability = toStoreDurability(durabilityOf(told.acknowledged), told.standbys);
  }
}
