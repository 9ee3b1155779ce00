// The box's log: entries, how they are chained, and what they say of one request. See protocol/SPEC.md section 8.

import { equal, sha256, toHex, utf8, type Bytes } from "./bytes.ts";
import { decode, encode } from "./cbor.ts";
import { ENTRY, entryKinds, limits, type Field } from "./definitions.ts";
import { Refusal } from "./errors.ts";
import { fromMap, toMap, type Fields } from "./schema.ts";

const TIME_FIELD: Field = { number: 1, name: "time", kind: "uint", low: 0, high: 2 ** 32 - 1 };
const CLEARS_CLOCK = 2;

export interface Entry {
  kind: number;
  name: string;
  time: number;
  fields: Fields;
}

export function readEntry(raw: Uint8Array): Entry {
  const value = decode(raw, limits.ENTRY);
  if (!(value instanceof Map)) throw new Refusal("not_a_map");
  const kind = value.get(0);
  value.delete(0);
  const definition = typeof kind === "number" ? entryKinds[kind] : undefined;
  if (!definition) throw new Refusal("unknown_entry");
  const { time, ...fields } = fromMap([TIME_FIELD, ...definition.fields], value);
  return { kind: kind as number, name: definition.name, time: time as number, fields };
}

export function buildEntry(kind: number, time: number, fields: Fields): Bytes {
  const definition = entryKinds[kind];
  if (!definition) throw new Refusal("unknown_entry");
  const value = toMap(definition.fields, fields).set(0, kind);
  for (const [key, item] of toMap([TIME_FIELD], { time })) value.set(key, item);
  return encode(value);
}

/** The head before the first entry. */
export function genesis(site: Uint8Array): Promise<Bytes> {
  return sha256(utf8(`sealbox/1/log/${toHex(site)}`));
}

/** The head after an entry. */
export function nextHead(head: Uint8Array, entry: Uint8Array): Promise<Bytes> {
  return sha256(head, entry);
}

export type Against = [verdict: number, person: number, principal: number | null];

/** What the entries after a request's anchor say about that request. Apply them in order. */
export class History {
  opened = 0;
  spent = 0;
  against: Against[] = [];
  finished: number[] = [];
  clockChanged = false;
  private readonly request: Uint8Array;
  private mayComeBack = 0; // of what the last intent spent

  constructor(request: Uint8Array) {
    this.request = request;
  }

  apply({ kind, fields }: Entry): void {
    if (kind === ENTRY.time || (kind === ENTRY.reset && (fields.clears as number) & CLEARS_CLOCK)) this.clockChanged = true;
    if (!fields.request || !equal(fields.request as Bytes, this.request)) return;
    if (kind === ENTRY.intent) {
      this.opened++;
      this.spent += fields.spends as number;
      this.mayComeBack = fields.spends as number;
    } else if (kind === ENTRY.closed) {
      this.spent -= Math.min(fields.given_back as number, this.mayComeBack);
      this.mayComeBack = 0;
    } else if (kind === ENTRY.interrupted) {
      this.mayComeBack = 0;
    } else if (kind === ENTRY.decision) {
      this.against.push([fields.verdict as number, fields.person as number, (fields.for as number | undefined) ?? null]);
    } else if (kind === ENTRY.finish) {
      this.finished.push(fields.person as number);
    }
  }
}
