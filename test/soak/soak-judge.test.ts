/**
 * The judgement over a soak's numbers: counts exactly, memory by its slope or its medians, and only where a run was
 * long enough.
 */
import { expect, it } from "vitest";

import type { Gauges } from "./soak-gauges.ts";
import { changeOf, judgeSoak, slopeOf, type SoakLooks, type SoakSample } from "./soak-judge.ts";

const GAUGES: Gauges = {
  heapMb: 50,
  rssMb: 200,
  externalMb: 5,
  descriptors: 20,
  leadingTo: {},
  loaded: 0,
  handles: 0,
  storeListeners: 1,
  timers: 0,
  signalListeners: 0,
  processListeners: 4,
  resources: 0,
  walMb: 1,
};

function samplesOf(count: number, heapAt: (minute: number) => number, rssMb = 200): readonly SoakSample[] {
  return Array.from({ length: count }, (_, n) => {
    const minute = n / 12;
    return { ...GAUGES, heapMb: heapAt(minute), rssMb, minute, deeds: n, threads: 100, feeds: 3 };
  });
}

function brokenOf(looks: Partial<SoakLooks>): readonly string[] {
  const closed = { ...GAUGES, storeListeners: 0 };
  const whole = { before: GAUGES, base: GAUGES, quiet: GAUGES, closed, samples: [], ...looks };
  return judgeSoak(whole)
    .filter((verdict) => !verdict.isKept)
    .map(({ what }) => what);
}

it("keeps a run that came back to where it began", () => {
  expect(brokenOf({ samples: samplesOf(120, (minute) => 50 + (minute < 3 ? minute * 10 : 30)) })).toEqual([]);
});

it("names each count that is above what it was", () => {
  expect(brokenOf({ quiet: { ...GAUGES, timers: 1, descriptors: 21 } })).toEqual([
    "timers, quiet",
    "open descriptors, quiet",
  ]);
});

it("names a heap that climbs by more than either bound, and none that climbs by less than one of them", () => {
  expect(brokenOf({ samples: samplesOf(120, (minute) => 50 + 3 * minute) })).toEqual(["heap, last half"]);
  expect(brokenOf({ samples: samplesOf(120, (minute) => 50 + 0.8 * minute) })).toEqual([]);
  expect(brokenOf({ samples: samplesOf(120, (minute) => 1_000 + 3 * minute) })).toEqual([]);
});

it("names resident memory that climbs while the heap does not", () => {
  const samples = [...samplesOf(90, () => 50), ...samplesOf(30, () => 50, 300)];
  expect(brokenOf({ samples: samples.map((sample, n) => ({ ...sample, minute: n / 12 })) })).toEqual([
    "resident memory, last half",
  ]);
});

it("judges no memory by a few looks, or by many within a minute", () => {
  expect(brokenOf({ samples: samplesOf(11, (minute) => 50 + 500 * minute) })).toEqual([]);
  const short = samplesOf(120, (minute) => 50 + 50 * minute).map((sample) => ({
    ...sample,
    minute: sample.minute / 10,
  }));
  expect(brokenOf({ samples: short })).toEqual([]);
});

it("has the slope of a line, and the change of its later half's median", () => {
  expect(slopeOf([0, 1, 2, 3].map((x) => [x, 5 + 2 * x] as const))).toBeCloseTo(2);
  expect(slopeOf([[1, 1]])).toBe(0);
  expect(changeOf([10, 10, 11, 11])).toBeCloseTo(0.1);
  expect(changeOf([])).toBe(0);
});
