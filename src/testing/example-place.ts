/**
 * Gives one example of a law its own fresh place, and takes it back whatever the law, the store and the fixture do:
 * handles that were left open are closed, the place is disposed of, and each of these has its time. What went wrong
 * first is what is told.
 */
import { fault } from "../base/index.ts";
import type { ThreadStore } from "../store/index.ts";
import { boundedHandle } from "./bounded-handle.ts";
import { NotSettledError, settling } from "./settling.ts";
import type { LawPlace } from "./store-law.ts";
import type { StoreFixture, StoreOpenOptions, StorePlace } from "./store-place.ts";

/** Of an example: what may be open, and whether the law may still open more. */
interface ExampleLife {
  readonly open: Set<ThreadStore>;
  /** The store behind each handle that the law got. */
  readonly stores: WeakMap<ThreadStore, ThreadStore>;
  isOver: boolean;
}

/** The place as a law gets it, without what its store claims. */
type ExamplePlace = Omit<LawPlace, "claims">;

/** What an example is tried with. */
interface ExampleTerms {
  /** Longest that each of making the place, the law, closing and disposing may take, milliseconds. */
  readonly maxMs: number;
  /** Told of what failed behind another failure, which is the one that counts. */
  readonly onLaterFailure?: (error: unknown) => void;
}

/** A new place. Rejects with what the fixture rejects with; a place that comes too late is disposed of when it comes. */
export async function makePlace(fixture: StoreFixture, maxMs: number): Promise<StorePlace> {
  const making = (async () => fixture())();
  let isLate = false;
  making.then((place) => (isLate ? place.dispose() : undefined)).catch(ignoreLate);
  try {
    return await settling(making, maxMs, "making a place");
  } catch (error) {
    isLate = true;
    throw error;
  }
}

/** Runs `body` on the place, closes what it left open, and disposes of the place. */
export async function onPlace(
  place: StorePlace,
  { maxMs, onLaterFailure = () => {} }: ExampleTerms,
  body: (place: ExamplePlace) => Promise<void>,
): Promise<void> {
  const life: ExampleLife = { open: new Set(), stores: new WeakMap(), isOver: false };
  const failures: unknown[] = [];
  const trying = async (work: () => Promise<void>, what?: string): Promise<void> => {
    try {
      await settling(work(), maxMs, what);
    } catch (error) {
      failures.push(error);
    }
  };
  await trying(async () => body(examplePlace(place, life)));
  life.isOver = true;
  // A store that can't be closed breaks whatever law it was tried by.
  const left = [...life.open];
  for (const [index, store] of left.entries()) {
    // Where one thing hangs, others will: they wait together, so that the example ends within a few of its times.
    const isStuck = failures.some((error) => error instanceof NotSettledError);
    const closed = isStuck ? left.slice(index) : [store];
    await Promise.all(closed.map((one) => trying(async () => one.close(), "closing a store")));
    if (isStuck) break;
  }
  await trying(async () => place.dispose(), "disposing of a place");
  if (failures.length === 0) return;
  const [first, ...later] = failures;
  for (const error of later) onLaterFailure(error);
  throw first;
}

/** Nobody waits for it any more, and what it was made for has been told as late. */
function ignoreLate(): void {}

/** A law that was late, or left calls behind, goes on: what it opens then would hold a place that is gone. */
async function opened(life: ExampleLife, opening: () => Promise<ThreadStore>): Promise<ThreadStore> {
  const over = (): Error => fault("aborted", "the example is over: its place can't be opened any more");
  if (life.isOver) throw over();
  const store = await opening();
  if (life.isOver) {
    await store.close();
    throw over();
  }
  life.open.add(store);
  const handle = boundedHandle(store);
  life.stores.set(handle, store);
  return handle;
}

function examplePlace(place: StorePlace, life: ExampleLife): ExamplePlace {
  const { open, stores } = life;
  return {
    place: place.place,
    open: (options) => opened(life, () => place.open(options)),
    reopen: (handle, options) =>
      opened(life, () => reopened(place, { handle: stores.get(handle) ?? handle, options, open })),
    ...(place.kill === undefined
      ? {}
      : {
          kill: async (handle) => {
            const store = stores.get(handle) ?? handle;
            open.delete(store);
            await place.kill?.(store);
          },
        }),
    ...(place.cutPower === undefined
      ? {}
      : {
          cutPower: async () => {
            open.clear();
            await place.cutPower?.();
          },
        }),
    ...(place.corrupt === undefined
      ? {}
      : { corrupt: async (threadId, damage) => await place.corrupt?.(threadId, damage) }),
    dispose: () => place.dispose(),
  };
}

async function reopened(
  place: StorePlace,
  {
    handle,
    options,
    open,
  }: {
    readonly handle: ThreadStore;
    readonly options: StoreOpenOptions | undefined;
    readonly open: Set<ThreadStore>;
  },
): Promise<ThreadStore> {
  open.delete(handle);
  if (place.reopen !== undefined) return await place.reopen(handle, options);
  await handle.close();
  return await place.open(options);
}
