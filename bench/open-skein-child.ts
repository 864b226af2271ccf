/**
 * A process that opens a home with Skein, lists 25 threads and ends: what the state bench starts to see a
 * cold or a warm start. It says each step as one line of JSON, with the CPU that the whole process, its
 * workers among it, has used by then, and the most memory that it has held.
 */
import { type SkeinBuild, openSkein } from "./open-skein.ts";

function say(step: string): void {
  const { user, system } = process.cpuUsage();
  const peakMb = process.resourceUsage().maxRSS / 1_000;
  process.stdout.write(`${JSON.stringify({ step, cpuMs: (user + system) / 1_000, peakMb })}\n`);
}

const [home = "", build = "src", from = "state-db"] = process.argv.slice(2);
const hasStateDb = from === "state-db";
const skein = await openSkein({ home, build: build as SkeinBuild, hasStateDb, onLoaded: () => say("loaded") });
say("open");
await skein.runtime.listThreads({ limit: 25 });
say("listed");
await skein.close();
say("closed");
