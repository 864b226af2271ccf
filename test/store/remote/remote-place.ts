/**
 * Places for the laws of remote stores: any other place, served over loopback. Clients of one place share a server, as
 * they do in life; when the last of them is closed the server goes too, so that who opens the place again reopens what
 * is behind it. A client is killed by cutting its connection, which it can't make anew.
 */
import type { Clock } from "../../../src/base/index.ts";
import type { ThreadStore } from "../../../src/store/index.ts";
import { openRemoteThreadStore, type ServedThreadStore, serveThreadStore } from "../../../src/store/remote/index.ts";
import type { StoreFixture, StoreOpenOptions, StorePlace } from "../../../src/testing/index.ts";
import { type CuttableLink, createCuttableLink } from "./cuttable-link.ts";

interface Serving {
  readonly store: ThreadStore;
  readonly server: ServedThreadStore;
}

/** Places of another fixture, behind a server. Servers are killed only where what is behind them can be. */
export function remoteFixture(inner: StoreFixture, killed: "server" | "client" = "server"): StoreFixture {
  return async () => {
    const behind = await inner();
    const place = new RemotePlace(behind);
    const { corrupt } = behind;
    return {
      place: `${behind.place}, served`,
      open: (options) => place.open(options),
      ...(killed === "client" ? { kill: (handle: ThreadStore) => place.killClient(handle) } : {}),
      ...(killed === "server" && behind.kill !== undefined ? { kill: () => place.killServer() } : {}),
      ...(corrupt === undefined ? {} : { corrupt: corrupt.bind(behind) }),
      dispose: () => place.dispose(),
    };
  };
}

class RemotePlace {
  readonly #behind: StorePlace;
  readonly #links = new Map<ThreadStore, CuttableLink>();
  #serving: Promise<Serving> | undefined;

  constructor(behind: StorePlace) {
    this.#behind = behind;
  }

  async open(options: StoreOpenOptions = {}): Promise<ThreadStore> {
    const serving = await this.#serve(options.clock);
    const link = await createCuttableLink(serving.server.port);
    const { clock } = options;
    const client = await openRemoteThreadStore({ url: link.url, ...(clock === undefined ? {} : { clock }) });
    const handle = withClose(client, async () => {
      await client.close();
      await this.#left(handle);
    });
    this.#links.set(handle, link);
    return handle;
  }

  /** Resolves when the server has found out: its thread can be taken over then. */
  async killClient(handle: ThreadStore): Promise<void> {
    const link = this.#links.get(handle);
    const serving = await this.#serving;
    if (link === undefined || serving === undefined) return;
    const clients = serving.server.clientCount;
    await link.cut();
    while (serving.server.clientCount >= clients && clients > 0) await new Promise((resolve) => setImmediate(resolve));
    this.#links.delete(handle);
    handle.close().catch(() => {});
  }

  /** All at once: the connections, the store, and then what is left of a server that nobody can reach. */
  async killServer(): Promise<void> {
    const serving = await this.#serving;
    this.#serving = undefined;
    const handles = [...this.#links.keys()];
    for (const link of this.#links.values()) await link.cut();
    this.#links.clear();
    if (serving !== undefined) {
      await this.#behind.kill?.(serving.store);
      // What its store was asked for is never answered; it waits for that a while, and nobody for it.
      serving.server.close().catch(() => {});
    }
    for (const handle of handles) handle.close().catch(() => {});
  }

  async dispose(): Promise<void> {
    for (const link of this.#links.values()) await link.cut();
    this.#links.clear();
    await this.#stop();
    await this.#behind.dispose();
  }

  async #serve(clock: Clock | undefined): Promise<Serving> {
    if (this.#links.size === 0) await this.#stop();
    this.#serving ??= this.#start(clock);
    return this.#serving;
  }

  async #start(clock: Clock | undefined): Promise<Serving> {
    const options = clock === undefined ? {} : { clock };
    const store = await this.#behind.open(options);
    return { store, server: await serveThreadStore({ store, ...options }) };
  }

  /** A client has left; with the last one goes what it was served by. */
  async #left(handle: ThreadStore): Promise<void> {
    const link = this.#links.get(handle);
    if (link === undefined) return;
    this.#links.delete(handle);
    await link.cut();
    if (this.#links.size === 0) await this.#stop();
  }

  async #stop(): Promise<void> {
    const serving = this.#serving;
    this.#serving = undefined;
    if (serving === undefined) return;
    const { server, store } = await serving;
    await server.close();
    await store.close();
  }
}

/** The handle, with another close. */
function withClose(store: ThreadStore, close: () => Promise<void>): ThreadStore {
  let closed: Promise<void> | undefined;
  return new Proxy(store, {
    get(target, name) {
      if (name === "close") {
        return (): Promise<void> => {
          closed ??= close();
          return closed;
        };
      }
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}
