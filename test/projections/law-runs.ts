/**
 * How often a property that costs files and databases is tried: a number of its own in `npm test`, and as often
 * as SKEIN_RUNS says where that is set.
 */
export function lawRuns(usual: number): number {
  const wanted = process.env["SKEIN_RUNS"] ?? "";
  return wanted === "" ? usual : Number(wanted);
}
