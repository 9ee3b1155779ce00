// The numbers behind the charts, from the verified ledger.

import type { LedgerLine } from "../../audit/ledger.ts";

export interface Figure {
  label: string;
  count: number;
}

const MONTHS = 24;
const MATTERS = 10;
export const STEPS = [600, 3600, 14_400, 86_400];

/** The month of a time in the reader's zone: YYYY-MM. */
export function monthOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, "0")}`;
}

/** Openings per month, without gaps, the last two years at most. */
export function perMonth(lines: LedgerLine[]): Figure[] {
  const times = lines.flatMap((line) => line.opened);
  if (!times.length) return [];
  const counts = tally(times.map(monthOf));
  const last = new Date(times.reduce((one, other) => Math.max(one, other)) * 1000);
  const first = monthOf(times.reduce((one, other) => Math.min(one, other)));
  const found: Figure[] = [];
  for (let back = 0; back < MONTHS; back++) {
    const label = monthOf(new Date(last.getFullYear(), last.getMonth() - back, 1).getTime() / 1000);
    if (label < first) break;
    found.unshift({ label, count: counts.get(label) ?? 0 });
  }
  return found;
}

/** Openings per matter, most first; the rest of them together under `others`. */
export function perMatter(lines: LedgerLine[], others: string): Figure[] {
  const names = lines.flatMap((line) => line.opened.map(() => `${line.matter} ${line.wording}`.trim()));
  const all = ranked(tally(names));
  const rest = all.slice(MATTERS).reduce((sum, figure) => sum + figure.count, 0);
  return rest ? [...all.slice(0, MATTERS), { label: others, count: rest }] : all;
}

/** How many requests became what, most first. */
export function outcomes(lines: LedgerLine[]): Figure[] {
  return ranked(tally(lines.map((line) => line.state)));
}

/** How many requests have which case, most first. */
export function casesBySort(lines: LedgerLine[], suspects: Set<string>): Figure[] {
  const sorts = lines.flatMap((line) => [
    ...new Set([...line.cases.map(({ name }) => name), ...(suspects.has(line.request) ? ["findings"] : [])]),
  ]);
  return ranked(tally(sorts));
}

/** How many took how long: one count for each of STEPS, and one for longer. */
export function spread(seconds: number[]): number[] {
  const counts = [...STEPS, Infinity].map(() => 0);
  for (const taken of seconds) {
    const place = STEPS.findIndex((step) => taken <= step);
    const at = place < 0 ? STEPS.length : place;
    counts[at] = (counts[at] as number) + 1;
  }
  return counts;
}

/** The middle one; of an even number, the lower of the two. */
export function median(seconds: number[]): number {
  return seconds.toSorted((one, other) => one - other)[(seconds.length - 1) >> 1] ?? 0;
}

function tally(names: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function ranked(counts: Map<string, number>): Figure[] {
  return [...counts].map(([label, count]) => ({ label, count })).sort((one, other) => other.count - one.count);
}
