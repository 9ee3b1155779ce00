// The roster that the authority is working on: kept in this browser, begun from the one held, signed only as a whole.

import { concat, equal, toHex, type Bytes } from "../../wire/bytes.ts";
import { encode } from "../../wire/cbor.ts";
import { limits, MESSAGE, messageTypes, type Field } from "../../wire/definitions.ts";
import { Refusal, Unencodable } from "../../wire/errors.ts";
import { checkRoster, type Bay, type Person, type RosterFields, type Rule } from "../../wire/roster.ts";
import { toMap } from "../../wire/schema.ts";
import type { Matter } from "../matters.ts";
import type { Store } from "../store.ts";
import type { Trust } from "../trust.ts";

const NOTE = "authority draft";
const ED25519 = 1;
const ENVELOPE = 128; // room for the signature around it

export interface Draft {
  /** The version of the roster that this was begun from; 0 before the first. */
  based: number;
  /** What shall be; version and issued are set when it is signed. */
  fields: RosterFields;
  /** A new matter list that is to be signed along, null to keep the one held. */
  list: Matter[] | null;
}

/** The draft kept here, or a fresh one that changes nothing. */
export async function loadDraft(trust: Trust, store: Store): Promise<Draft> {
  const kept = await store.note<Draft>(NOTE);
  return kept ?? freshDraft(trust);
}

export function freshDraft(trust: Trust): Draft {
  const { authority, threshold } = trust.profile;
  const first: RosterFields = {
    version: 0, issued: 0, authority, threshold, people: [], hosts: [], boxes: [], rules: [],
    matters: new Uint8Array(limits.HASH), releases: [],
  };
  return { based: trust.version, fields: structuredClone(trust.version ? trust.roster.fields : first), list: null };
}

export async function saveDraft(store: Store, draft: Draft | null): Promise<void> {
  await store.setNote(NOTE, draft ?? undefined);
}

/** Why a roster cannot be signed as it is, null when it can: what a box would refuse. */
export function faultOf(fields: RosterFields): Refusal | null {
  const definition = messageTypes[MESSAGE.roster]?.fields as Field[];
  try {
    checkRoster(fields);
    if (encode(toMap(definition, { ...fields, version: 1 })).length > limits.MESSAGE - ENVELOPE) throw new Refusal("too_large");
  } catch (error) {
    if (error instanceof Refusal) return error;
    if (error instanceof Unencodable) return new Refusal("bad_text");
    throw error;
  }
  return null;
}

/** The key as a person's row holds it. */
export function keyRow(publicKey: Uint8Array): Bytes {
  return concat(Uint8Array.of(ED25519), publicKey);
}

/** A number that nobody has or had in what is known here: log entries name people by number. */
export function freeNumber(trust: Trust, fields: RosterFields): number {
  const held = trust.version ? trust.roster.fields.people : [];
  return Math.max(0, ...[...held, ...fields.people].map((person) => person.number)) + 1;
}

/** Whether a key is somewhere in a roster already. */
export function isListed(fields: RosterFields, publicKey: Uint8Array): boolean {
  const same = (key: Uint8Array): boolean => equal(key.slice(-limits.PUBLIC_KEY), publicKey);
  return [...fields.authority, ...fields.hosts, ...fields.boxes.map((box) => box.public), ...fields.people.flatMap((one) => one.keys)].some(same);
}

// What the forms change. Each gives new fields and leaves the old as they were.

export function withPerson(fields: RosterFields, person: Person): RosterFields {
  const others = fields.people.filter((one) => one.number !== person.number);
  return { ...fields, people: [...others, person].sort((one, other) => one.number - other.number) };
}

export function withoutPerson(fields: RosterFields, number: number): RosterFields {
  return { ...fields, people: fields.people.filter((person) => person.number !== number) };
}

export function withoutKey(fields: RosterFields, number: number, key: Uint8Array): RosterFields {
  const person = fields.people.find((one) => one.number === number);
  return person ? withPerson(fields, { ...person, keys: person.keys.filter((one) => !equal(one, key)) }) : fields;
}

export function withRule(fields: RosterFields, rule: Rule): RosterFields {
  const others = fields.rules.filter((one) => one.number !== rule.number);
  return { ...fields, rules: [...others, rule].sort((one, other) => one.number - other.number) };
}

/** Takes a rule away, from the bays too. */
export function withoutRule(fields: RosterFields, number: number): RosterFields {
  const bays = (rows: Bay[]): Bay[] => rows.map((bay) => ({ ...bay, rules: bay.rules & ~(1 << number) }));
  return {
    ...fields,
    rules: fields.rules.filter((rule) => rule.number !== number),
    boxes: fields.boxes.map((box) => ({ ...box, bays: bays(box.bays) })),
  };
}

export function withBays(fields: RosterFields, box: Bytes, bays: Bay[]): RosterFields {
  const others = fields.boxes.filter((one) => !equal(one.public, box));
  return { ...fields, boxes: bays.length ? [...others, { public: box, bays }] : others };
}

export function withoutBytes(list: Bytes[], item: Uint8Array): Bytes[] {
  return list.filter((one) => toHex(one) !== toHex(item));
}
