/**
 * A soak's report as text: one line a look, and in the end what was done, what was held to what, and everything that
 * was not kept.
 */
import type { SoakSample } from "./soak-judge.ts";
import type { SoakReport } from "./soak-run.ts";

/** Whether nothing grew and nothing was lost. */
export function isKept({ verdicts, checked, problems }: SoakReport): boolean {
  return problems.length === 0 && checked.problems.length === 0 && verdicts.every((verdict) => verdict.isKept);
}

/** One look. */
export function sampleLine(sample: SoakSample): string {
  const { minute, deeds, threads, loaded, feeds, heapMb, rssMb, descriptors, timers, handles, walMb } = sample;
  const memory = `heap ${heapMb.toFixed(1)} MiB, resident ${rssMb.toFixed(0)} MiB, WAL ${walMb.toFixed(1)} MiB`;
  const counts = `${descriptors ?? "?"} descriptors, ${timers} timers, ${handles} handles`;
  return `${minute.toFixed(2)} min, ${deeds} deeds, ${threads} threads, ${loaded} loaded, ${feeds} feeds; ${memory}; ${counts}`;
}

/** The whole report. */
export function soakTable(report: SoakReport): string {
  const { seed, minutes, work, refused, feeds, reader, verdicts, checked, problems, home } = report;
  const deeds = Object.values(work).reduce((sum, count) => sum + count, 0);
  const broken = [...problems, ...checked.problems];
  const lines = [
    `seed ${seed}: ${deeds} deeds in ${minutes.toFixed(1)} minutes (${countsText(work)})`,
    `refused, as work beside it explains: ${countsText(refused)}`,
    `feeds: ${countsText({ ...feeds })}`,
    `second process: ${reader.lists} lists, ${reader.searches} searches, ${reader.records} records, ` +
      `${reader.followed} followed; refused: ${countsText(reader.refused)}; heap at its end ${reader.heapMb.toFixed(1)} MiB`,
    "",
    ...verdicts.map(
      ({ what, isKept: kept, figure, bound }) => `${kept ? "  kept" : "BROKEN"}  ${what}: ${figure} (${bound})`,
    ),
    ...(verdicts.some(({ what }) => what.startsWith("heap")) ? [] : ["memory was not judged: the run was too short"]),
    "",
    `${checked.threads} threads with ${checked.turns} turns and ${checked.records} records; ` +
      `rows are the fold of the log for ${checked.rowsSame}`,
    broken.length === 0 ? "0 promises broken" : `${broken.length} promises broken:`,
    ...broken.map((problem) => `  ${problem}`),
    ...(home === null ? [] : [`the home is kept: ${home}`]),
  ];
  return `${lines.join("\n")}\n`;
}

function countsText(counts: Readonly<Record<string, number>>): string {
  const parts = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return parts.length === 0 ? "none" : parts.join(", ");
}
