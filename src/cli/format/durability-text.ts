/**
 * What a store's acknowledgement is worth, in words for people: `local` or `quorum`, on how many disks, and what may be
 * lost all the same. The words are those of `durability` in the JSON beside it.
 */
import type { StoreDurability } from "../../store/index.ts";

/** Such as "quorum: on the disks of 2 machines when it is acknowledged". */
export function toDurabilityText({ acknowledged, scope, standbys }: StoreDurability): string {
  if (acknowledged === "memory") return `${scope}, memory: the store's end may lose what was acknowledged`;
  if (acknowledged === "os") return `${scope}, os: a power cut may lose what was acknowledged`;
  const disks = standbys === 0 ? "one machine's disk" : `the disks of ${standbys + 1} machines`;
  return `${scope}: on ${disks} when it is acknowledged`;
}
