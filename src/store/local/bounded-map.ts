/** The store's own, for the local adapter and those who use its door. */
export { mapBounded } from "../bounded-map.ts";
