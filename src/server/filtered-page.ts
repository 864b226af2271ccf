/**
 * A page of which some entries are not shown, filled up by the pages behind it. Cursors stay the store's: the next
 * page begins exactly behind the last entry that was looked at.
 */

/** A page as a store gives it. */
interface Page<Entry> {
  readonly data: readonly Entry[];
  readonly nextCursor: string | null;
  readonly backwardsCursor?: string | null;
}

/** How a page is filled. */
interface Filling<Entry> {
  readonly limit: number;
  readonly cursor?: string;
  /** Reads the page that begins at the cursor. */
  readonly read: (page: { readonly limit: number; readonly cursor?: string }) => Promise<Page<Entry>>;
  readonly isShown: (entry: Entry) => boolean;
}

/** Pages that are read for one answer; past them it is shorter than asked for, and goes on at its cursor. */
const ROUNDS_MAX = 32;

/** The entries that are shown. */
export async function filledPage<Entry>({ limit, cursor, read, isShown }: Filling<Entry>): Promise<{
  readonly data: readonly Entry[];
  readonly nextCursor: string | null;
  readonly backwardsCursor: string | null;
}> {
  const first = await read({ limit, ...(cursor === undefined ? {} : { cursor }) });
  const { backwardsCursor = null } = first;
  const data = first.data.filter(isShown);
  let { nextCursor } = first;
  for (let round = 1; data.length < limit && nextCursor !== null && round < ROUNDS_MAX; round += 1) {
    const page = await read({ limit: limit - data.length, cursor: nextCursor });
    data.push(...page.data.filter(isShown));
    ({ nextCursor } = page);
  }
  return { data, nextCursor, backwardsCursor };
}
