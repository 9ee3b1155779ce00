// The words of the app in the reader's language, switched at any time.

import { signal } from "@preact/signals";

import { Failure } from "../core/failure.ts";
import { Refusal } from "../wire/errors.ts";
import type { enAuthority } from "./authority.en.ts";
import type { en } from "./en.ts";
import { zh } from "./zh.ts";

export type Words = Record<keyof typeof en | keyof typeof enAuthority, string>;
export type Language = "zh" | "en";

const KEPT = "language";

export const language = signal<Language>("zh");
const words = signal<Partial<Words>>(zh);
let withAuthority = false; // enrolment and the authority's pages have many words, which nobody else waits for

/** Takes up the language that the reader chose before. English is loaded only for those who read it. */
export async function openWords(): Promise<void> {
  if (localStorage.getItem(KEPT) === "en") await setLanguage("en");
}

export async function openAuthorityWords(): Promise<void> {
  withAuthority = true;
  await setLanguage(language.value);
}

export function switchLanguage(): void {
  const wanted = language.value === "en" ? "zh" : "en";
  localStorage.setItem(KEPT, wanted);
  void setLanguage(wanted);
}

async function setLanguage(wanted: Language): Promise<void> {
  const general = wanted === "en" ? (await import("./en.ts")).en : zh;
  words.value = withAuthority ? { ...general, ...(await authorityWords(wanted)) } : general;
  language.value = wanted;
  document.documentElement.lang = wanted === "en" ? "en" : "zh-CN";
}

async function authorityWords(wanted: Language): Promise<Partial<Words>> {
  return wanted === "en" ? (await import("./authority.en.ts")).enAuthority : (await import("./authority.zh.ts")).zhAuthority;
}

/** A sentence, with `{name}` replaced by values. */
export function say(key: keyof Words, values: Record<string, string | number> = {}): string {
  return (words.value[key] ?? key).replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? ""));
}

/** The sentence of a key that is put together, as of a state; the last part of the key where there is none. */
export function sayOf(group: string, name: string): string {
  const sentence = words.value[`${group}_${name}` as keyof Words];
  if (sentence !== undefined) return sentence;
  const plain = name.replaceAll("_", " ");
  return group === "reason" ? say("reason_malformed", { name: plain }) : plain; // all other reasons have words
}

/** What happened, in words. What nobody foresaw is thrown on. */
export function sayError(error: unknown): string {
  if (error instanceof Failure) return say(`failure_${error.key}`, error.values);
  if (error instanceof Refusal) return say("refused", { reason: sayOf("reason", error.reason) });
  throw error;
}

/** A point in time as the reader writes it. */
export function sayTime(seconds: number): string {
  const locale = language.value === "en" ? "en-GB" : "zh-CN";
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" }).format(seconds * 1000);
}

/** A day as the reader writes it. */
export function sayDay(seconds: number): string {
  const locale = language.value === "en" ? "en-GB" : "zh-CN";
  return new Intl.DateTimeFormat(locale, { dateStyle: "medium" }).format(seconds * 1000);
}
