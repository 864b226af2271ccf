/**
 * Every law of the ThreadStore port, by group. An adapter that keeps them all is one the rest of Skein
 * can't tell from the others.
 */
import { appendLaws } from "./laws/append-laws.ts";
import { archiveLaws } from "./laws/archive-laws.ts";
import { badCallLaws } from "./laws/bad-call-laws.ts";
import { badInputLaws } from "./laws/bad-input-laws.ts";
import { claimsLaws } from "./laws/claims-laws.ts";
import { crashLaws } from "./laws/crash-laws.ts";
import { damageLaws } from "./laws/damage-laws.ts";
import { deleteLaws } from "./laws/delete-laws.ts";
import { feedConsumerLaws } from "./laws/feed-consumer-laws.ts";
import { feedEndLaws } from "./laws/feed-end-laws.ts";
import { feedLaws } from "./laws/feed-laws.ts";
import { feedSubscriberLaws } from "./laws/feed-subscriber-laws.ts";
import { fencingLaws } from "./laws/fencing-laws.ts";
import { forkLaws } from "./laws/fork-laws.ts";
import { forkedThreadLaws } from "./laws/forked-thread-laws.ts";
import { historyLaws } from "./laws/history-laws.ts";
import { idempotencyLaws } from "./laws/idempotency-laws.ts";
import { lifecycleLaws } from "./laws/lifecycle-laws.ts";
import { listFilterLaws } from "./laws/list-filter-laws.ts";
import { listLaws } from "./laws/list-laws.ts";
import { metadataLaws } from "./laws/metadata-laws.ts";
import { modelLaws } from "./laws/model-laws.ts";
import { releaseLaws } from "./laws/release-laws.ts";
import { rollbackLaws } from "./laws/rollback-laws.ts";
import { searchLaws } from "./laws/search-laws.ts";
import { turnPageLaws } from "./laws/turn-page-laws.ts";
import { twoHandleLaws } from "./laws/two-handle-laws.ts";
import { windowLaws } from "./laws/window-laws.ts";
import type { StoreLaw } from "./store-law.ts";

/** All laws, in the order they are best read. */
export const storeLaws: readonly StoreLaw[] = Object.freeze([
  ...appendLaws,
  ...lifecycleLaws,
  ...releaseLaws,
  ...idempotencyLaws,
  ...historyLaws,
  ...metadataLaws,
  ...listLaws,
  ...listFilterLaws,
  ...searchLaws,
  ...turnPageLaws,
  ...windowLaws,
  ...rollbackLaws,
  ...forkLaws,
  ...forkedThreadLaws,
  ...archiveLaws,
  ...deleteLaws,
  ...fencingLaws,
  ...twoHandleLaws,
  ...crashLaws,
  ...damageLaws,
  ...badInputLaws,
  ...badCallLaws,
  ...claimsLaws,
  ...feedLaws,
  ...feedSubscriberLaws,
  ...feedEndLaws,
  ...feedConsumerLaws,
  ...modelLaws,
]);
