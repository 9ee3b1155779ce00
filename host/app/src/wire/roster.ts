// The roster: who is who at a site, whether it is consistent in itself, and whether it may follow the one held.

import { toHex, type Bytes } from "./bytes.ts";
import { keyId } from "./cose.ts";
import { limits } from "./definitions.ts";
import { Refusal } from "./errors.ts";
import { ruleDigest } from "./messages.ts";
import type { Fields } from "./schema.ts";
import { strictKey } from "./strict.ts";

const ED25519 = 1;

export interface Person extends Fields {
  number: number;
  name: string;
  roles: number;
  from: number;
  until: number;
  keys: Bytes[];
}

export interface Bay extends Fields {
  number: number;
  seal: string;
  rules: number;
}

export interface Box extends Fields {
  public: Bytes;
  bays: Bay[];
}

export interface Group extends Fields {
  role: number;
  least: number;
}

export interface Rule extends Fields {
  number: number;
  matters: number[];
  raiser: number;
  groups: Group[];
  denials: number;
  impressions: number;
  open_seconds: number;
  wait_seconds: number;
  use_seconds: number;
  break_glass: number;
}

export interface RosterFields extends Fields {
  version: number;
  issued: number;
  authority: Bytes[];
  threshold: number;
  people: Person[];
  hosts: Bytes[];
  boxes: Box[];
  rules: Rule[];
  matters: Bytes;
  releases: Bytes[];
}

/** Whether a set of numbers holds a number. */
export function has(mask: number, number: number): boolean {
  return Boolean((mask >> number) & 1);
}

interface Signer {
  person: Person;
  key: Bytes;
}

/** A roster's fields with the look-ups that the rules need. It guarantees nothing about who signed it. */
export class Roster {
  readonly fields: RosterFields;
  private readonly signers = new Map<string, Signer>();
  private readonly named = new Map<string, Bytes>(); // kid in hex: key of a host or authority
  private readonly boxes = new Map<string, Box>();
  private readonly digests = new Map<number, string>(); // rule number: how a request names it

  private constructor(fields: RosterFields) {
    this.fields = fields;
  }

  static async of(fields: Fields): Promise<Roster> {
    const roster = new Roster(fields as RosterFields);
    for (const person of roster.fields.people) {
      for (const key of person.keys) {
        const kid = toHex(await keyId(key.subarray(1)));
        if (!roster.signers.has(kid)) roster.signers.set(kid, { person, key });
      }
    }
    for (const list of ["hosts", "authority"] as const) {
      for (const key of roster.fields[list]) roster.named.set(`${list} ${toHex(await keyId(key))}`, key);
    }
    for (const box of roster.fields.boxes) roster.boxes.set(toHex(await keyId(box.public)), box);
    for (const rule of roster.fields.rules) roster.digests.set(rule.number, toHex(await ruleDigest(rule)));
    return roster;
  }

  get version(): number {
    return this.fields.version;
  }

  person(number: number): Person | undefined {
    return this.fields.people.find((person) => person.number === number);
  }

  /** Person and public key behind a kid. Throws Refusal: unknown_signer, unsupported_key_kind. */
  signer(kid: Uint8Array): { person: Person; publicKey: Bytes } {
    const found = this.signers.get(toHex(kid));
    if (!found) throw new Refusal("unknown_signer");
    if (found.key[0] !== ED25519) throw new Refusal("unsupported_key_kind");
    return { person: found.person, publicKey: found.key.slice(1) };
  }

  host(kid: Uint8Array): Bytes {
    return this.keyOf("hosts", kid);
  }

  authority(kid: Uint8Array): Bytes {
    return this.keyOf("authority", kid);
  }

  private keyOf(list: "hosts" | "authority", kid: Uint8Array): Bytes {
    const found = this.named.get(`${list} ${toHex(kid)}`);
    if (!found) throw new Refusal("unknown_signer");
    return found;
  }

  box(kid: Uint8Array): Box {
    const found = this.boxes.get(toHex(kid));
    if (!found) throw new Refusal("unknown_box");
    return found;
  }

  rule(number: number): Rule | undefined {
    return this.fields.rules.find((rule) => rule.number === number);
  }

  bayRules(bay: Bay): Rule[] {
    return this.fields.rules.filter((rule) => has(bay.rules, rule.number));
  }

  /** The rule of a bay that a request names. Throws Refusal: rule_changed. */
  ruleNamed(bay: Bay, digest: Uint8Array): Rule {
    const found = this.bayRules(bay).find((rule) => this.digests.get(rule.number) === toHex(digest));
    if (!found) throw new Refusal("rule_changed");
    return found;
  }
}

/** Whether a roster is consistent in itself. Throws Refusal, see SPEC.md section 5. */
export function checkRoster(given: Fields): void {
  const fields = given as RosterFields;
  once(fields.people.map((person) => person.number), "duplicate_person");
  if (sum(fields.people.map((person) => person.keys.length)) > limits.KEYS) throw new Refusal("too_many_keys");
  once(fields.boxes.map((box) => toHex(box.public)), "duplicate_box");
  checkAuthority(fields.authority, fields.threshold);
  checkKeys(fields);
  checkRules(fields.rules);
  for (const box of fields.boxes) {
    once(box.bays.map((bay) => bay.number), "duplicate_bay");
    for (const bay of box.bays) checkBay(fields.rules, bay);
  }
}

/** Whether authority keys can be trusted as they are given. */
export function checkAuthority(keys: Bytes[], threshold: number): void {
  once(keys.map(toHex), "duplicate_authority_key");
  if (!keys.every(strictKey)) throw new Refusal("weak_roster_key");
  if (threshold > keys.length) throw new Refusal("threshold_range");
}

function once(items: (number | string)[], reason: string): void {
  if (new Set(items).size !== items.length) throw new Refusal(reason);
}

function sum(numbers: number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function checkKeys(fields: RosterFields): void {
  const seen = new Set(fields.authority.map(toHex));
  const add = (key: Bytes, isStrict: boolean): void => {
    if (!isStrict) throw new Refusal("weak_roster_key");
    const name = toHex(key.slice(-limits.PUBLIC_KEY));
    if (seen.has(name)) throw new Refusal("duplicate_signing_key");
    seen.add(name);
  };
  for (const key of [...fields.hosts, ...fields.boxes.map((box) => box.public)]) add(key, strictKey(key));
  for (const person of fields.people) {
    for (const key of person.keys) add(key, key[0] !== ED25519 || strictKey(key.subarray(1)));
  }
}

function checkRules(rules: Rule[]): void {
  once(rules.map((rule) => rule.number), "duplicate_rule");
  if (sum(rules.map((rule) => rule.matters.length)) > limits.MATTERS) throw new Refusal("too_many_matters");
  for (const rule of rules) {
    once(rule.groups.map((group) => group.role), "duplicate_group");
    if (sum(rule.groups.map((group) => group.least)) > limits.GRANT_DECISIONS) throw new Refusal("rule_too_wide");
  }
}

/** A bay's rules exist, and a matter is under one of them only (break-glass apart): nobody picks the weaker. */
function checkBay(rules: Rule[], bay: Bay): void {
  const own = rules.filter((rule) => has(bay.rules, rule.number));
  const known = own.reduce((mask, rule) => mask | (1 << rule.number), 0);
  if (known !== bay.rules) throw new Refusal("unknown_rule_number");
  once(own.filter((rule) => !rule.break_glass).flatMap((rule) => rule.matters), "matter_in_two_rules");
}

/** Whether a roster may follow the held one, given the kids whose signatures over it were checked. */
export async function checkSuccession(
  held: { version: number; authority: Bytes[]; threshold: number },
  fields: Fields,
  signers: Bytes[],
): Promise<void> {
  const step = (fields as RosterFields).version - held.version;
  if (step < 1 || step > limits.ROSTER_STEP) throw new Refusal("roster_step");
  const kids = new Set((await Promise.all(held.authority.map(keyId))).map(toHex));
  const signed = new Set(signers.map(toHex));
  if ([...kids].filter((kid) => signed.has(kid)).length < held.threshold) throw new Refusal("roster_signatures");
}
