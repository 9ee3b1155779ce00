// Deterministic CBOR (RFC 8949 section 4.2), cut down to Sealbox's encoding profile: see protocol/SPEC.md section 2.
//
// What is decoded encodes to the same bytes again; nothing is made on the peer's word before its bytes are there.

import { concat, utf8, type Bytes } from "./bytes.ts";
import { limits } from "./definitions.ts";
import { Refusal, Unencodable } from "./errors.ts";

export type Value = number | Bytes | string | Value[] | Map<number, Value>;

const UINT = 0;
const BYTES = 2;
const TEXT = 3;
const ARRAY = 4;
const MAP = 5;

/** The shortest head of a data item. */
export function head(major: number, number: number): Bytes {
  if (!Number.isSafeInteger(number) || number < 0) throw new Unencodable("integer out of range");
  const size = number < 24 ? 0 : number < 0x100 ? 1 : number < 0x10000 ? 2 : number < 0x100000000 ? 4 : 8;
  const made = new Uint8Array(1 + size);
  made[0] = (major << 5) | (size ? 24 + Math.log2(size) : number);
  for (let at = size, rest = number; at > 0; at--, rest = Math.floor(rest / 256)) made[at] = rest % 256;
  return made;
}

export function encode(value: Value): Bytes {
  const parts: Uint8Array[] = [];
  put(value, parts, 0);
  return concat(...parts);
}

function put(value: unknown, parts: Uint8Array[], depth: number): void {
  if (typeof value === "number") {
    parts.push(head(UINT, value));
  } else if (value instanceof Uint8Array) {
    parts.push(head(BYTES, value.length), value);
  } else if (typeof value === "string") {
    const data = utf8(value);
    if (!value.isWellFormed() || !allowedText(value)) throw new Unencodable("text that the wire does not carry");
    parts.push(head(TEXT, data.length), data);
  } else if (Array.isArray(value) || value instanceof Map) {
    if (depth === limits.DEPTH) throw new Unencodable("nested too deep");
    if (value instanceof Map) return putMap(value, parts, depth + 1);
    parts.push(head(ARRAY, value.length));
    for (const item of value) put(item, parts, depth + 1);
  } else {
    throw new Unencodable("no such type on the wire");
  }
}

function putMap(value: Map<unknown, unknown>, parts: Uint8Array[], depth: number): void {
  parts.push(head(MAP, value.size));
  const keys = [...value.keys()].map((key) => {
    if (typeof key !== "number" || !Number.isInteger(key) || key < 0 || key > limits.KEY) {
      throw new Unencodable(`map keys are 0 to ${limits.KEY}`);
    }
    return key;
  });
  for (const key of keys.sort((one, other) => one - other)) {
    parts.push(head(UINT, key));
    put(value.get(key), parts, depth);
  }
}

// C0, DEL and C1 control characters and the bidirectional overrides: a name must not change what stands around it.
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/;

function allowedText(text: string): boolean {
  return !FORBIDDEN.test(text);
}

/** [major type, number, where the head ends] of the data item at a place. */
export function readHead(data: Uint8Array, at: number): [number, number, number] {
  const first = data[at];
  if (first === undefined) throw new Refusal("truncated");
  const major = first >> 5;
  const short = first & 31;
  if (short < 24) return [major, short, at + 1];
  if (short === 31) throw new Refusal("indefinite_length");
  if (short > 27) throw new Refusal("unsupported_type", "reserved head");
  if (major === 7) throw new Refusal("unsupported_type", "simple value or float");
  const size = 1 << (short - 24);
  const end = at + 1 + size;
  if (end > data.length) throw new Refusal("truncated");
  let number = 0;
  for (const byte of data.subarray(at + 1, end)) number = number * 256 + byte; // above 2^53 it is inexact, and refused
  if (number < 24 || number < 2 ** (4 * size)) throw new Refusal("not_shortest");
  if (number > limits.INTEGER) throw new Refusal("integer_range");
  return [major, number, end];
}

/** Decodes exactly one data item of at most `limit` bytes. */
export function decode(data: Uint8Array, limit = limits.MESSAGE): Value {
  if (data.length > limit) throw new Refusal("too_large");
  const decoder = new Decoder(data);
  const value = decoder.item(0);
  if (decoder.at !== data.length) throw new Refusal("trailing_bytes");
  return value;
}

class Decoder {
  at = 0;
  private readonly data: Uint8Array;
  private items = limits.ITEMS;
  private containers = limits.CONTAINERS;

  constructor(data: Uint8Array) {
    this.data = data;
  }

  item(depth: number): Value {
    const [major, number, at] = readHead(this.data, this.at);
    this.at = at;
    if (major === UINT) return number;
    if (major === BYTES || major === TEXT) return this.string(major, number);
    if (major !== ARRAY && major !== MAP) throw new Refusal("unsupported_type", "negative, tag or simple value");
    if (depth === limits.DEPTH) throw new Refusal("too_deep");
    this.items -= number;
    this.containers -= 1;
    if (this.items < 0 || this.containers < 0) throw new Refusal("too_many_items");
    if (major === MAP) return this.map(number, depth + 1);
    const made: Value[] = [];
    for (let count = 0; count < number; count++) made.push(this.item(depth + 1));
    return made;
  }

  private string(major: number, size: number): Bytes | string {
    const end = this.at + size;
    if (end > this.data.length) throw new Refusal("truncated");
    const piece = this.data.slice(this.at, end);
    this.at = end;
    if (major === BYTES) return piece;
    let text: string;
    try {
      text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(piece);
    } catch {
      throw new Refusal("bad_text");
    }
    if (!allowedText(text)) throw new Refusal("bad_text");
    return text;
  }

  private map(size: number, depth: number): Map<number, Value> {
    const made = new Map<number, Value>();
    let last = -1;
    for (let count = 0; count < size; count++) {
      const [major, key, at] = readHead(this.data, this.at);
      this.at = at;
      if (major !== UINT || key > limits.KEY) throw new Refusal("key_range");
      if (key <= last) throw new Refusal(key === last ? "duplicate_key" : "keys_unsorted");
      last = key;
      made.set(key, this.item(depth));
    }
    return made;
  }
}
