// What a bundle is made of: its paths, their caps, and the items that were read.

import { toHex } from "../wire/bytes.ts";
import { limits } from "../wire/definitions.ts";

export const MANIFEST = "manifest.json";
export const RECEIPT = "manifest.receipt";

export const FILE_BYTES = 256 * 2 ** 20; // a use takes some 3 KiB: decades of a busy site
export const TOTAL_BYTES = 512 * 2 ** 20; // the same before compression; what is held in memory at most
export const ITEMS = 300_000; // a use makes about five
export const DIRECTORY_BYTES = 40 * 2 ** 20; // the archive's own list of them
const MANIFEST_BYTES = 64 * 2 ** 20; // ITEMS of some 180 bytes
const ENTRIES_BYTES = 256 * 2 ** 20; // one box's log: a million entries of a usual size

const PATHS: [RegExp, number][] = [
  [/^rosters\/[0-9]{6,10}-[0-9a-f]{32}\.cose$/, limits.MESSAGE],
  [/^matters\/[0-9]{6,10}-[0-9]{2}-[0-9a-f]{16}\.cose$/, limits.MESSAGE],
  [/^messages\/[0-9a-f]{64}\.cose$/, limits.MESSAGE],
  [/^boxes\/[0-9a-f]{32}\/entries\.cbor$/, ENTRIES_BYTES],
  [/^boxes\/[0-9a-f]{32}\/checkpoints\/[0-9]{8,10}-[0-9a-f]{16}\.cose$/, limits.MESSAGE],
  [/^manifest\.json$/, MANIFEST_BYTES],
  [/^manifest\.receipt$/, limits.MESSAGE],
];

export type UnusableReason =
  | "too_large" | "no_zip" | "too_many_items" | "no_manifest" | "bad_manifest" | "unreadable";

/** No bundle that could be verified. */
export class Unusable extends Error {
  readonly reason: UnusableReason;

  constructor(reason: UnusableReason, detail = "") {
    super(detail ? `${reason}: ${detail}` : reason);
    this.name = "Unusable";
    this.reason = reason;
  }
}

/** What the archive holds: items by path; damaged: path and why; twice and strange: paths. */
export class Bundle {
  readonly items = new Map<string, Uint8Array>();
  readonly damaged = new Map<string, string>();
  readonly twice: string[] = [];
  readonly strange: string[] = [];
  private sorted: string[] | null = null;

  /** The paths that start with this, sorted. Ask only once all items are there. */
  below(folder: string): string[] {
    this.sorted ??= [...this.items.keys()].sort();
    const start = this.sorted;
    let [low, high] = [0, start.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((start[middle] as string) < folder) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (start[end]?.startsWith(folder)) end++;
    return start.slice(low, end);
  }
}

/** The most bytes an item of this path may have; null for no path of a bundle. */
export function capOf(path: string): number | null {
  return PATHS.find(([pattern]) => pattern.test(path))?.[1] ?? null;
}

const digits = (number: number, least: number): string => String(number).padStart(least, "0");

export const rosterPath = (version: number, kid: Uint8Array): string =>
  `rosters/${digits(version, 6)}-${toHex(kid)}.cose`;

export const mattersPath = (version: number, part: number, reference: Uint8Array): string =>
  `matters/${digits(version, 6)}-${digits(part, 2)}-${toHex(reference.subarray(0, 8))}.cose`;

/** Where any other message lies; `reference` in hex. */
export const messagePath = (reference: string): string => `messages/${reference}.cose`;

/** Where a box's log lies; `box` in hex. */
export const entriesPath = (box: string): string => `boxes/${box}/entries.cbor`;

export const checkpointsBelow = (box: string): string => `boxes/${box}/checkpoints/`;

/** A box may sign one seq several times: after each start, and daily. */
export const checkpointPath = (box: string, seq: number, reference: Uint8Array): string =>
  `${checkpointsBelow(box)}${digits(seq, 8)}-${toHex(reference.subarray(0, 8))}.cose`;

/** Which roster version a path stands for; 0 for a path that is none of a roster. */
export function versionIn(path: string): number {
  return Number(/^rosters\/([0-9]+)-/.exec(path)?.[1] ?? 0);
}
