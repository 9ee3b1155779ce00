// What a roster would allow on the wire and an authority hardly means: said before it is signed, and ticked.
//
// A box takes such a roster, so whoever means it may sign it.

import { equal, toHex, type Bytes } from "../../wire/bytes.ts";
import { has, type Person, type RosterFields, type Rule } from "../../wire/roster.ts";
import type { Matters } from "../matters.ts";

const ED25519 = 1;

export type Caution =
  | { name: "unmet"; rule: Rule }
  | { name: "abolished"; rule: Rule; codes: number[] }
  | { name: "number"; number: number; before: string; after: string }
  | { name: "no_host" | "own_key" | "break_glass" | "no_spare_key" | "nobody_raises" | "no_boxes" }
  | { name: "threshold"; before: number; after: number }
  | { name: "bay_closed"; seal: string }
  | { name: "matter_gone"; seal: string; codes: number[] }
  | { name: "weaker"; seal: string; codes: number[]; why: Weakening; before: number; after: number };

export type Weakening = "approvals" | "groups" | "impressions" | "denials" | "open" | "wait" | "use" | "raiser";

/** What is doubtful about a roster that follows the one held (null before the first). */
export function cautions(held: RosterFields | null, fields: RosterFields, listed: Matters | null, own: Bytes): Caution[] {
  const found: Caution[] = [];
  if (!fields.authority.some((key) => equal(key, own))) found.push({ name: "own_key" });
  if (fields.authority.length > 1 && fields.threshold === fields.authority.length) found.push({ name: "no_spare_key" });
  if (!fields.hosts.length) found.push({ name: "no_host" });
  if (!fields.boxes.length) found.push({ name: "no_boxes" });
  for (const rule of fields.rules) {
    if (!canBeMet(rule, fields)) found.push({ name: "unmet", rule });
    const codes = rule.matters.filter((code) => listed?.get(code)?.abolished);
    if (codes.length) found.push({ name: "abolished", rule, codes });
  }
  return held ? [...found, ...changes(held, fields)] : found;
}

function changes(held: RosterFields, fields: RosterFields): Caution[] {
  const found: Caution[] = [];
  if (fields.threshold < held.threshold) found.push({ name: "threshold", before: held.threshold, after: fields.threshold });
  for (const person of fields.people) {
    const known = held.people.find((one) => one.number === person.number);
    const shared = known?.keys.some((key) => person.keys.some((one) => equal(one, key)));
    if (known && known.name !== person.name && !shared) {
      found.push({ name: "number", number: person.number, before: known.name, after: person.name });
    }
  }
  const isNew = (rule: Rule): boolean => !held.rules.some((one) => one.break_glass && one.number === rule.number);
  if (fields.rules.some((rule) => rule.break_glass && isNew(rule))) found.push({ name: "break_glass" });
  return [...found, ...sealChanges(held, fields)];
}

/** Bays by the seal they hold, each with the ordinary rule of every matter. */
function ruledMatters(fields: RosterFields): Map<string, Map<number, Rule>> {
  const seals = new Map<string, Map<number, Rule>>();
  for (const box of fields.boxes) {
    for (const bay of box.bays) {
      const own = seals.get(bay.seal) ?? new Map<number, Rule>();
      for (const rule of fields.rules) {
        if (has(bay.rules, rule.number) && !rule.break_glass) for (const code of rule.matters) own.set(code, rule);
      }
      seals.set(bay.seal, own);
    }
  }
  return seals;
}

function sealChanges(held: RosterFields, fields: RosterFields): Caution[] {
  const found: Caution[] = [];
  const after = ruledMatters(fields);
  for (const [seal, rules] of ruledMatters(held)) {
    const now = after.get(seal);
    if (!now?.size) {
      if (rules.size) found.push({ name: "bay_closed", seal });
      continue;
    }
    const gone = [...rules.keys()].filter((code) => !now.has(code));
    if (gone.length) found.push({ name: "matter_gone", seal, codes: gone });
    const grouped = new Map<string, Extract<Caution, { name: "weaker" }>>();
    for (const [code, before] of rules) {
      const rule = now.get(code);
      for (const [why, from, to] of rule ? weakenings(before, rule) : []) {
        const key = `${why} ${from} ${to}`;
        const known = grouped.get(key);
        if (known) known.codes.push(code);
        else grouped.set(key, { name: "weaker", seal, codes: [code], why, before: from, after: to });
      }
    }
    found.push(...grouped.values());
  }
  return found;
}

/** In what a rule asks less, or allows more, than the one before. */
function weakenings(before: Rule, after: Rule): [Weakening, number, number][] {
  const found: [Weakening, number, number][] = [];
  const total = (rule: Rule): number => rule.groups.reduce((sum, group) => sum + group.least, 0);
  const least = (rule: Rule, role: number): number => rule.groups.find((group) => group.role === role)?.least ?? 0;
  if (total(after) < total(before)) found.push(["approvals", total(before), total(after)]);
  else if (before.groups.some(({ role }) => least(after, role) < least(before, role))) found.push(["groups", 0, 0]);
  if (before.raiser !== after.raiser) found.push(["raiser", before.raiser, after.raiser]);
  const more = (why: Weakening, name: "impressions" | "denials" | "open_seconds" | "wait_seconds" | "use_seconds"): void => {
    if (after[name] > before[name]) found.push([why, before[name], after[name]]);
  };
  more("impressions", "impressions");
  more("denials", "denials");
  more("open", "open_seconds");
  more("wait", "wait_seconds");
  more("use", "use_seconds");
  return found;
}

/** Whether, for somebody who may raise, enough others have a key, the time and the roles to fill all groups. */
export function canBeMet(rule: Rule, fields: RosterFields): boolean {
  const now = fields.issued || Math.floor(Date.now() / 1000);
  const able = fields.people.filter((one) => one.keys.some((key) => key[0] === ED25519) && one.until >= now);
  const places = rule.groups.flatMap(({ role, least }) => Array<number>(least).fill(role));
  return able
    .filter((one) => has(one.roles, rule.raiser))
    .some((raiser) => allFilled(places, able.filter((one) => one !== raiser)));
}

/** Whether each place finds a person of its role, nobody twice: a matching by augmenting paths. */
function allFilled(places: number[], people: Person[]): boolean {
  const taken = new Map<number, number>(); // person to place
  const fill = (place: number, tried: Set<number>): boolean =>
    people.some((person, index) => {
      if (tried.has(index) || !has(person.roles, places[place] as number)) return false;
      tried.add(index);
      const other = taken.get(index);
      if (other !== undefined && !fill(other, tried)) return false;
      taken.set(index, place);
      return true;
    });
  return places.every((_, place) => fill(place, new Set()));
}

/** Whether two rosters say the same, but for version and date. */
export function sameContent(one: RosterFields, other: RosterFields): boolean {
  const text = (fields: RosterFields): string =>
    JSON.stringify({ ...fields, version: 0, issued: 0 }, (_, value: unknown) => (value instanceof Uint8Array ? toHex(value) : value));
  return text(one) === text(other);
}
