// What a roster says, fact by fact, in the reader's words; and what one changes against another.

import { toHex } from "../../wire/bytes.ts";
import { keyId } from "../../wire/cose.ts";
import { longCode } from "../../wire/messages.ts";
import { has, type RosterFields, type Rule } from "../../wire/roster.ts";
import { limits } from "../../wire/definitions.ts";
import type { Caution } from "../../core/authority/cautions.ts";
import type { Matter, Matters } from "../../core/matters.ts";
import { say, sayDay, sayOf } from "../../words/words.ts";

/** The codes that people compare, by the key in hex. */
export type Codes = (key: Uint8Array) => string;

export async function codesOf(...rosters: (RosterFields | null)[]): Promise<Codes> {
  const codes = new Map<string, string>();
  for (const fields of rosters) {
    if (!fields) continue;
    const people = fields.people.flatMap((person) => person.keys.map((key) => key.subarray(1)));
    for (const key of [...people, ...fields.authority, ...fields.hosts, ...fields.boxes.map((box) => box.public)]) {
      codes.set(toHex(key), longCode(await keyId(key)));
    }
  }
  return (key) => codes.get(toHex(key)) ?? "…";
}

export const ROLES = Array.from({ length: limits.ROLES }, (_, index) => index + 1);

export function roleName(role: number): string {
  return role <= 5 ? sayOf("auth_role", String(role)) : say("auth_role_other", { role });
}

export function roleNames(mask: number): string {
  return ROLES.filter((role) => has(mask, role)).map(roleName).join(say("auth_and")) || say("auth_no_role");
}

export function duration(seconds: number): string {
  for (const [unit, size] of [["day", 86400], ["hour", 3600], ["minute", 60]] as const) {
    if (seconds >= size && seconds % size === 0) return say(`auth_${unit}s`, { count: seconds / size });
  }
  return say("auth_seconds", { count: seconds });
}

/** 101, 102, 103, 200 as 101–103, 200. */
export function ranges(codes: number[]): string {
  const shown: [number, number][] = [];
  for (const code of codes.toSorted((one, other) => one - other)) {
    const last = shown.at(-1);
    if (last && code === last[1] + 1) last[1] = code;
    else shown.push([code, code]);
  }
  return shown.map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`)).join(say("auth_comma"));
}

export function groupsText(rule: Rule): string {
  return rule.groups.map(({ role, least }) => say("auth_group", { count: least, role: roleName(role) })).join(say("auth_plus"));
}

/** A rule in one sentence. */
export function ruleText(rule: Rule): string {
  return say(rule.break_glass ? "auth_fact_rule_glass" : "auth_fact_rule", {
    number: rule.number,
    matters: ranges(rule.matters),
    raiser: roleName(rule.raiser),
    groups: groupsText(rule),
    denials: rule.denials,
    impressions: rule.impressions,
    open: duration(rule.open_seconds),
    wait: duration(rule.wait_seconds),
    use: duration(rule.use_seconds),
  });
}

/** Everything that a roster says, one fact a sentence. */
export function facts(fields: RosterFields, code: Codes): string[] {
  const said = [
    say("auth_fact_threshold", { threshold: fields.threshold, count: fields.authority.length }),
    ...fields.authority.map((key) => say("auth_fact_authority", { code: code(key) })),
  ];
  for (const person of fields.people) {
    const { name, number } = person;
    const roles = roleNames(person.roles);
    said.push(say("auth_fact_person", { name, number, roles, from: sayDay(person.from), until: sayDay(person.until) }));
    said.push(...person.keys.map((key) => say("auth_fact_key", { name, code: code(key.subarray(1)) })));
    if (person.keys.length) said.push(...abilities(fields, person));
  }
  said.push(...fields.hosts.map((key) => say("auth_fact_host", { code: code(key) })));
  for (const box of fields.boxes) {
    for (const bay of box.bays) {
      said.push(say("auth_fact_bay", { box: code(box.public), bay: bay.number, seal: bay.seal }));
      for (const rule of fields.rules) {
        if (has(bay.rules, rule.number)) said.push(say("auth_fact_bay_rule", { seal: bay.seal, rule: rule.number }));
      }
    }
  }
  said.push(...fields.rules.map(ruleText));
  said.push(...fields.releases.map((digest) => say("auth_fact_release", { digest: toHex(digest).slice(0, 16) })));
  return [...new Set(said)];
}

/** For which seals somebody may ask and decide, by the roles they have and the rules of the bays. */
function abilities(fields: RosterFields, { name, roles }: { name: string; roles: number }): string[] {
  const said: string[] = [];
  for (const bay of fields.boxes.flatMap((box) => box.bays)) {
    const rules = fields.rules.filter((rule) => has(bay.rules, rule.number));
    if (rules.some((rule) => has(roles, rule.raiser))) said.push(say("auth_fact_asks", { name, seal: bay.seal }));
    if (rules.some((rule) => rule.groups.some(({ role }) => has(roles, role)))) {
      said.push(say("auth_fact_approves", { name, seal: bay.seal }));
    }
  }
  return said;
}

export interface Change {
  gained: string[];
  lost: string[];
}

/** What holds from now on, and what no more; everything is new where there was nothing before. */
export function compare(held: RosterFields | null, fields: RosterFields, code: Codes): Change {
  const before = held ? facts(held, code) : [];
  const after = facts(fields, code);
  return {
    gained: after.filter((fact) => !before.includes(fact)),
    lost: before.filter((fact) => !after.includes(fact)),
  };
}

/** What a new matter list changes. */
export function compareLists(before: Matters | null, after: Matter[]): Change {
  const text = (one: Matter): string => {
    const parts = [`${one.code} ${one.wording} · ${one.seal}`];
    if (one.attachments) parts.push(one.attachments);
    if (one.resolution) parts.push(say("auth_resolution"));
    if (one.abolished) parts.push(say("auth_abolished"));
    if (one.responsible) parts.push(one.responsible);
    return say("auth_fact_matter", { matter: parts.join(" · ") });
  };
  const [old, now] = [[...(before?.values() ?? [])].map(text), after.map(text)];
  return { gained: now.filter((one) => !old.includes(one)), lost: old.filter((one) => !now.includes(one)) };
}

export function cautionText(one: Caution): string {
  switch (one.name) {
    case "unmet":
      return say("auth_caution_unmet", { number: one.rule.number, groups: groupsText(one.rule), raiser: roleName(one.rule.raiser) });
    case "abolished":
      return say("auth_caution_abolished", { number: one.rule.number, codes: ranges(one.codes) });
    case "matter_gone":
      return say("auth_caution_matter_gone", { seal: one.seal, codes: ranges(one.codes) });
    case "weaker": {
      const shown = one.why === "raiser" ? roleName : ["open", "wait", "use"].includes(one.why) ? duration : String;
      const why = say(`auth_weaker_${one.why}`, { before: shown(one.before), after: shown(one.after) });
      return say("auth_caution_weaker", { seal: one.seal, codes: ranges(one.codes), why });
    }
    default: {
      const { name, ...values } = one;
      return say(`auth_caution_${name}`, values as Record<string, string | number>);
    }
  }
}

