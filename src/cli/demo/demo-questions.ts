/**
 * What the killed process asks: the first is answered in full, the second is cut off in the middle.
 * Long enough that the kill finds the answer on its way.
 */
export const DEMO_QUESTIONS: readonly string[] = Object.freeze([
  "This turn will be answered before anything bad happens.",
  "This answer is cut off in the middle, because the process that writes it is killed without a warning.",
]);
