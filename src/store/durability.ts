/**
 * What "acknowledged" means: how well a record is kept by then, and on how many disks. A store whose database several
 * machines keep says it as it is now (`durability` of the port), for it may change under an open handle; any other one
 * has what it acknowledges on one machine, as its capabilities say.
 */

/** What "acknowledged" means. `fsync`: survives a power cut. `os`: survives a killed process. `memory`: neither. */
export type Durability = "fsync" | "os" | "memory";

/** What a store's acknowledgement is worth by now. */
export interface StoreDurability {
  /** What an append is acknowledged with now. `capabilities.durability` is what it was when the handle was opened. */
  readonly acknowledged: Durability;
  /** `local`: one machine has it. `quorum`: standbys have it on their disks too, before it is acknowledged. */
  readonly scope: "local" | "quorum";
  /** How many of them; 0 where the scope is `local`. */
  readonly standbys: number;
}

/** What a store says of itself. */
interface SayingStore {
  readonly durability?: StoreDurability;
  readonly capabilities: { readonly durability: Durability };
}

/** Any store's durability, as it was seen last. */
export function durabilityOfStore({ durability, capabilities }: SayingStore): StoreDurability {
  return durability ?? toStoreDurability(capabilities.durability, 0);
}

/** How well, and on how many standbys' disks beside the first. */
export function toStoreDurability(acknowledged: Durability, standbys: number): StoreDurability {
  return { acknowledged, scope: standbys > 0 ? "quorum" : "local", standbys };
}
