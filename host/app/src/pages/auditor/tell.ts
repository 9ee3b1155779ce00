// The auditor's words, loaded with the auditor's pages only.

import { computed } from "@preact/signals";

import { enAuditor } from "../../words/auditor.en.ts";
import { zhAuditor } from "../../words/auditor.zh.ts";
import { reasons } from "../../wire/definitions.ts";
import { language } from "../../words/words.ts";

export type Key = keyof typeof enAuditor;
type Values = Record<string, string | number>;

const words = computed<Record<Key, string>>(() => (language.value === "en" ? enAuditor : zhAuditor));

/** A sentence, with `{name}` replaced by values. */
export function tell(key: Key, values: Values = {}): string {
  return words.value[key].replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** The sentence of a key that is put together, as of a check; the last part of the key where there is none. */
export function tellOf(group: string, name: string | number, values: Values = {}): string {
  const key = `${group}_${name}`;
  return key in words.value ? tell(key as Key, values) : String(name).replaceAll("_", " ");
}

const MALFORMED = 40; // reasons below this number say that bytes are no message
const ROSTER = 50; // reasons from this number on, up to REQUEST, are about a roster itself
const REQUEST = 70;

/** What a check that failed says, in the reader's words. */
export function tellCheck(name: string): string {
  if (`check_${name}` in words.value) return tellOf("check", name);
  const number = Number(Object.entries(reasons).find(([, reason]) => reason === name)?.[0] ?? 0);
  if (number > 0 && number < MALFORMED) return tell("check_malformed");
  return number >= ROSTER && number < REQUEST ? tell("check_roster_bad") : tellOf("check", name);
}

export function tellRole(role: number): string {
  return role >= 1 && role <= 5 ? tellOf("role", role) : tell("role_other", { role });
}

/** Several names or sentences one after the other. */
export function join(parts: string[]): string {
  return parts.join(language.value === "en" ? ", " : "、");
}

/** How long something took, roundly. */
export function tellSpan(seconds: number): string {
  if (seconds < 5400) return tell("minutes", { count: Math.max(1, Math.round(seconds / 60)) });
  if (seconds < 129_600) return tell("hours", { count: Math.round(seconds / 3600) });
  return tell("days", { count: Math.round(seconds / 86_400) });
}
