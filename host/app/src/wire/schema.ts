// The one way through a definition: decoded map to fields by name and back, checked both ways.

import type { Bytes } from "./bytes.ts";
import { utf8 } from "./bytes.ts";
import type { Value } from "./cbor.ts";
import type { Field } from "./definitions.ts";
import { Refusal } from "./errors.ts";

export type FieldValue = number | Bytes | string | Fields | FieldValue[];

/** Fields by name; a field that is missing is undefined. */
export interface Fields {
  [name: string]: FieldValue | undefined;
}

export function fromMap(schema: Field[], value: Value): Fields {
  if (!(value instanceof Map)) throw new Refusal("not_a_map");
  const fields: Fields = {};
  let count = 0;
  for (const field of schema) {
    const item = value.get(field.number);
    if (item !== undefined) {
      fields[field.name] = take(field, item);
      count++;
    } else if (!field.optional) {
      throw new Refusal("missing_field", field.name);
    }
  }
  if (count !== value.size) throw new Refusal("unknown_field");
  return fields;
}

export function toMap(schema: Field[], fields: Fields): Map<number, Value> {
  const value = new Map<number, Value>();
  const known = new Set(schema.map((field) => field.name));
  for (const field of schema) {
    const item = fields[field.name];
    if (item !== undefined && item !== null) value.set(field.number, give(field, item));
    else if (!field.optional) throw new Refusal("missing_field", field.name);
  }
  if (Object.keys(fields).some((name) => !known.has(name))) throw new Refusal("unknown_field");
  return value;
}

/** Fields as an array in the order of their definition. */
export function toRow(schema: Field[], fields: Fields): Value[] {
  const value = toMap(schema, fields);
  return schema.map((field) => value.get(field.number) as Value);
}

function take(field: Field, value: Value): FieldValue {
  check(field, value);
  if (field.kind === "map") return fromMap(field.of as Field[], value);
  if (field.kind === "row") return fromRow(field.of as Field[], value as Value[]);
  if (field.kind === "list") return (value as Value[]).map((item) => take(field.of as Field, item));
  return value as FieldValue;
}

function fromRow(schema: Field[], value: Value[]): Fields {
  if (value.length < schema.length) throw new Refusal("missing_field");
  if (value.length > schema.length) throw new Refusal("unknown_field");
  return Object.fromEntries(schema.map((field, at) => [field.name, take(field, value[at] as Value)]));
}

function give(field: Field, value: FieldValue): Value {
  if (field.kind === "map" || field.kind === "row") {
    if (!isFields(value)) throw new Refusal("wrong_field_type", field.name);
    return field.kind === "map" ? toMap(field.of as Field[], value) : toRow(field.of as Field[], value);
  }
  check(field, value);
  if (field.kind === "list") return (value as FieldValue[]).map((item) => give(field.of as Field, item));
  return value as Value;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);
}

const FITS: Record<Field["kind"], (value: unknown) => boolean> = {
  uint: (value) => Number.isInteger(value),
  bytes: (value) => value instanceof Uint8Array,
  text: (value) => typeof value === "string",
  list: Array.isArray,
  map: (value) => value instanceof Map,
  row: Array.isArray,
};

function check(field: Field, value: unknown): void {
  if (!FITS[field.kind](value)) throw new Refusal("wrong_field_type", field.name);
  if (field.kind === "map" || field.kind === "row") return;
  if (field.kind === "uint") {
    const number = value as number;
    // Sets of numbers have at most 16 bits, so that & is exact for them.
    if (number < field.low || number > field.high || (field.without && number & field.without)) {
      throw new Refusal("value_range", field.name);
    }
    return;
  }
  const size = field.kind === "text" ? utf8(value as string).length : (value as { length: number }).length;
  if (size < field.low || size > field.high) throw new Refusal("length_range", field.name);
}
