// What a verification finds, in an order that names the root cause first.
//
// A finding is proof that something does not hold, and ends in "not verified". A case is something that people should
// look at though every proof holds. A note says what could not be looked at, and why.

/** How close to the root a finding lies; lower comes first. */
export const RANK = {
  file: 0, roster: 1, message: 2, chain: 3, log: 4, use: 5, request: 6, evidence: 7, receipt: 8, unsignedManifest: 9,
} as const;

export type Rank = (typeof RANK)[keyof typeof RANK];

/** path: the item of the bundle; subject: the entry, reference or version in it; check: its name; why: one sentence. */
export interface Finding {
  path: string;
  subject: string;
  check: string;
  why: string;
}

/** Collects findings; what depends on something blamed already is left out by whoever checks it. */
export class Findings {
  private readonly found: { rank: Rank; finding: Finding }[] = [];
  private readonly known = new Set<string>();
  private readonly blamed = new Set<string>();
  private readonly noted = new Set<string>();

  /** A check that failed. The path and the subject are blamed from now on. */
  add(rank: Rank, path: string, subject: string, check: string, why: string): void {
    this.report(rank, path, subject, check, why);
    this.blame(path);
    this.blame(subject);
  }

  /** A check that failed and blames nothing for others. */
  report(rank: Rank, path: string, subject: string, check: string, why: string): void {
    const key = JSON.stringify([path, subject, check, why]);
    if (this.known.has(key)) return;
    this.known.add(key);
    this.found.push({ rank, finding: { path, subject, check, why } });
  }

  /** A path or reference (hex) that is known not to be as it should. */
  blame(name: string): void {
    this.blamed.add(name);
  }

  blames(name: string): boolean {
    return this.blamed.has(name);
  }

  /** The items in a folder of the bundle that are known not to be as they should. */
  blamedBelow(folder: string): string[] {
    return [...this.blamed].filter((name) => name.startsWith(folder) && name !== folder).sort();
  }

  /** Something that could not be looked at. */
  note(text: string): void {
    this.noted.add(text);
  }

  get notes(): string[] {
    return [...this.noted];
  }

  /** All findings, root causes first. */
  ordered(): Finding[] {
    return this.found.toSorted((one, other) => one.rank - other.rank).map(({ finding }) => finding);
  }
}
