/**
 * The store's own, under the name it has here: for the local adapter, and for those who get it through its door.
 * It knows nothing of files.
 */
export { mapBounded } from "../bounded-map.ts";
