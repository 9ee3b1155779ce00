// Reading a ZIP file (APPNOTE 6.3) that may be hostile: every length is capped before anything is made for it, what is
// unpacked is counted as it comes and not as the archive claims, no path leads anywhere, and what cannot be read is
// named. What the items mean is for others.

import { Inflate, inflateSync } from "fflate";

import { Bundle, capOf, DIRECTORY_BYTES, FILE_BYTES, ITEMS, MANIFEST, TOTAL_BYTES, Unusable } from "./bundle.ts";
import type { Pace } from "./pace.ts";

const END = 0x06054b50;
const END_BYTES = 22;
const LOCATOR_BYTES = 20;
const END64 = 0x06064b50;
const END64_BYTES = 56;
const ENTRY = 0x02014b50;
const ENTRY_BYTES = 46;
const LOCAL = 0x04034b50;
const LOCAL_BYTES = 30;
const COMMENT_BYTES = 0xffff;
const STORED = 0;
const DEFLATED = 8;
const ENCRYPTED = 1;
const UTF8 = 1 << 11;
const PIECE = 1 << 14; // deflate makes at most 1,032 times as much of it

interface Listed {
  name: string;
  rawName: Uint8Array;
  flags: number;
  method: number;
  crc: number;
  packed: number;
  size: number;
  at: number;
  /** Where the next item begins: this one must end before. */
  before: number;
}

/** Reads a bundle into memory. Throws Unusable when it is no bundle at all. */
export async function readBundle(file: Uint8Array, pace: Pace): Promise<Bundle> {
  if (file.length > FILE_BYTES) throw new Unusable("too_large");
  const listed = readDirectory(file);
  const bundle = new Bundle();
  let left = TOTAL_BYTES;
  pace.begin("reading", listed.length);
  for (const item of listed) {
    const { name } = item;
    const cap = capOf(name);
    if (bundle.items.has(name) || bundle.damaged.has(name)) bundle.twice.push(name);
    else if (cap === null) bundle.strange.push(name.slice(0, 200));
    else {
      const content = readItem(file, item, Math.min(cap, left));
      if (typeof content === "string") bundle.damaged.set(name, content);
      else {
        bundle.items.set(name, content);
        left -= content.length;
      }
    }
    await pace.step();
  }
  if (!bundle.items.has(MANIFEST)) throw new Unusable("no_manifest", bundle.damaged.get(MANIFEST));
  return bundle;
}

function viewOf(file: Uint8Array): DataView {
  return new DataView(file.buffer, file.byteOffset, file.byteLength);
}

function readDirectory(file: Uint8Array): Listed[] {
  const view = viewOf(file);
  const end = findEnd(view);
  let [count, size, start] = [view.getUint16(end + 10, true), view.getUint32(end + 12, true), view.getUint32(end + 16, true)];
  const record = end - LOCATOR_BYTES - END64_BYTES;
  let before = end;
  if (record >= 0 && view.getUint32(record, true) === END64) {
    before = record;
    [count, size, start] = [24 + 8, 40, 48].map((at) => Number(view.getBigUint64(record + at, true))) as [number, number, number];
  }
  if (size > DIRECTORY_BYTES || count > ITEMS) throw new Unusable("too_many_items");
  const shift = before - size - start; // what stands before the archive
  if (shift < 0 || start + shift < 0) throw new Unusable("no_zip");
  return entriesOf(file, start + shift, before, shift);
}

function findEnd(view: DataView): number {
  const least = Math.max(0, view.byteLength - END_BYTES - COMMENT_BYTES);
  for (let at = view.byteLength - END_BYTES; at >= least; at--) {
    if (view.getUint32(at, true) === END && view.getUint16(at + 20, true) <= view.byteLength - at - END_BYTES) return at;
  }
  throw new Unusable("no_zip");
}

function entriesOf(file: Uint8Array, start: number, end: number, shift: number): Listed[] {
  const view = viewOf(file);
  const found: Listed[] = [];
  let at = start;
  while (at < end) {
    if (at + ENTRY_BYTES > end || view.getUint32(at, true) !== ENTRY) throw new Unusable("no_zip");
    const [nameSize, extra, comment] = [28, 30, 32].map((place) => view.getUint16(at + place, true)) as [number, number, number];
    const flags = view.getUint16(at + 8, true);
    const rawName = file.subarray(at + ENTRY_BYTES, at + ENTRY_BYTES + nameSize);
    const next = at + ENTRY_BYTES + nameSize + extra + comment;
    if (next > end || found.length === ITEMS) throw new Unusable(next > end ? "no_zip" : "too_many_items");
    found.push({
      name: nameOf(rawName, flags), rawName, flags,
      method: view.getUint16(at + 10, true),
      crc: view.getUint32(at + 16, true),
      packed: view.getUint32(at + 20, true),
      size: view.getUint32(at + 24, true),
      at: view.getUint32(at + 42, true) + shift,
      before: start,
    });
    at = next;
  }
  const ordered = found.toSorted((one, other) => one.at - other.at);
  for (const [place, item] of ordered.entries()) item.before = ordered[place + 1]?.at ?? start;
  return found;
}

/** A name that is no text of its encoding cannot be a path of a bundle either. */
function nameOf(raw: Uint8Array, flags: number): string {
  const label = flags & UTF8 ? "utf-8" : "latin1";
  return new TextDecoder(label).decode(raw).split("\0", 1)[0] as string;
}

/** The content of an item, or why it cannot be had. */
function readItem(file: Uint8Array, item: Listed, cap: number): Uint8Array | string {
  if (item.flags & ENCRYPTED || (item.method !== STORED && item.method !== DEFLATED)) {
    return "it is encrypted, or compressed in another way than deflate";
  }
  const packed = packedOf(file, item);
  if (typeof packed === "string") return packed;
  if (item.size > cap) return `it has more than ${cap} bytes`;
  const content = item.method === STORED ? packed.slice() : inflate(packed, item.size);
  if (typeof content === "string") return content;
  if (content.length !== item.size || crc32(content) !== item.crc) return "the archive does not give it back";
  return content;
}

/** The item's bytes as they lie in the file, behind a header that says the same as the directory. */
function packedOf(file: Uint8Array, item: Listed): Uint8Array | string {
  const view = viewOf(file);
  const strange = "the archive's own headers contradict each other";
  if (item.at + LOCAL_BYTES > file.length || view.getUint32(item.at, true) !== LOCAL) return strange;
  const [nameSize, extra] = [view.getUint16(item.at + 26, true), view.getUint16(item.at + 28, true)];
  const nameAt = item.at + LOCAL_BYTES;
  const start = nameAt + nameSize + extra;
  const name = file.subarray(nameAt, nameAt + nameSize);
  const same = name.length === item.rawName.length && name.every((byte, at) => byte === item.rawName[at]);
  if (!same || start + item.packed > item.before) return strange;
  return file.subarray(start, start + item.packed);
}

const DAMAGED = "its compressed bytes are damaged";
const OTHER_SIZE = "it has another size than the archive says";

function inflate(packed: Uint8Array, size: number): Uint8Array | string {
  if (packed.length <= PIECE) return inflateAtOnce(packed, size);
  const content = new Uint8Array(size);
  let filled = 0;
  const stream = new Inflate((piece) => {
    if (filled < size) content.set(piece.subarray(0, size - filled), filled);
    filled += piece.length;
  });
  try {
    for (let at = 0; at < packed.length && filled <= size; at += PIECE) {
      stream.push(packed.subarray(at, at + PIECE), at + PIECE >= packed.length);
    }
  } catch {
    return DAMAGED;
  }
  return filled === size ? content : OTHER_SIZE;
}

/** The same for the many small ones; what is beyond the given room is not kept. */
function inflateAtOnce(packed: Uint8Array, size: number): Uint8Array | string {
  try {
    const content = inflateSync(packed, { out: new Uint8Array(size + 1) });
    return content.length === size ? content : OTHER_SIZE;
  } catch {
    return DAMAGED;
  }
}

const CRC = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

function crc32(data: Uint8Array): number {
  let value = 0xffffffff;
  for (const byte of data) value = (CRC[(value ^ byte) & 255] as number) ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}
