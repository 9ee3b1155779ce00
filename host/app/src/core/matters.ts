// The matter list: believed for its digest, which the signed roster names, whoever delivers its parts.

import { concat, equal, sha256, toHex, type Bytes } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import { has } from "../wire/roster.ts";
import type { Fields } from "../wire/schema.ts";
import type { Api } from "./api.ts";
import { places, type Place } from "./compose.ts";
import { Failure } from "./failure.ts";
import type { Store } from "./store.ts";
import type { Trust } from "./trust.ts";

export interface Matter extends Fields {
  code: number;
  wording: string;
  seal: string;
  attachments?: string;
  resolution?: number;
  abolished?: number;
  responsible?: string;
}

export type Matters = Map<number, Matter>;

const NOTE = "matters";

/** The digest of a list from its parts' payloads in the order of their numbers. */
export function listDigest(payloads: Uint8Array[]): Promise<Bytes> {
  return sha256(concat(...payloads));
}

/** The matters by code, of the list whose payloads have this digest; null when these messages do not hold it. */
export async function listedMatters(raws: Uint8Array[], site: Bytes, digest: Uint8Array): Promise<Matters | null> {
  const lists = new Map<number, Map<number, Message>>();
  for (const raw of raws) {
    const part = await readPart(raw, site);
    if (!part) continue;
    const version = part.fields.version as number;
    const parts = lists.get(version) ?? new Map<number, Message>();
    lists.set(version, parts.set(part.fields.part as number, part));
  }
  for (const parts of lists.values()) {
    const ordered = [...parts].sort(([one], [other]) => one - other).map(([, part]) => part);
    if (!equal(await listDigest(ordered.map((part) => part.payload)), digest)) continue;
    const items = ordered.flatMap((part) => part.fields.items as unknown as Matter[]);
    return new Map(items.map((item) => [item.code, item]));
  }
  return null;
}

async function readPart(raw: Uint8Array, site: Bytes): Promise<Message | null> {
  try {
    return await Message.read(raw, site, [MESSAGE.matters]);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

/** The list that the roster held names: as kept here, or from the host. Throws Failure: no_matters, or the host's. */
export async function heldMatters(trust: Trust, store: Store, api: Api): Promise<Matters> {
  const digest = trust.roster.fields.matters;
  if (digest.every((byte) => byte === 0)) return unlisted(trust);
  const kept = (await store.note<Bytes[]>(NOTE)) ?? [];
  const held = await listedMatters(kept, trust.profile.site, digest);
  if (held) return held;
  const raws = await api.matters();
  const found = await listedMatters(raws, trust.profile.site, digest);
  if (!found) throw new Failure("no_matters");
  await store.setNote(NOTE, raws);
  return found;
}

/** Where a roster names no list, its rules' codes are all that is known of matters. */
function unlisted(trust: Trust): Matters {
  const codes = new Set(trust.roster.fields.rules.flatMap((rule) => rule.matters));
  return new Map([...codes].map((code) => [code, { code, wording: String(code), seal: "" }]));
}

/** The bays where this person may ask for a matter, by an ordinary rule. */
export async function placesFor(trust: Trust, matter: number): Promise<Place[]> {
  const roles = trust.me?.roles ?? 0;
  return (await places(trust)).filter(({ bay }) =>
    trust.roster
      .bayRules(bay)
      .some((rule) => !rule.break_glass && has(roles, rule.raiser) && rule.matters.includes(matter)),
  );
}

/** Whether a person may raise requests under any rule of the roster. */
export function mayRaise(trust: Trust): boolean {
  const roles = trust.me?.roles ?? 0;
  return trust.version > 0 && trust.roster.fields.rules.some((rule) => has(roles, rule.raiser));
}

/** Whether a person's voice is asked for by any rule of the roster. */
export function mayDecide(trust: Trust): boolean {
  const roles = trust.me?.roles ?? 0;
  return trust.version > 0 && trust.roster.fields.rules.some((rule) => rule.groups.some(({ role }) => has(roles, role)));
}

/** How a matter's key in a search is compared: case, width and spaces do not count. */
export function searchable(text: string): string {
  return text.normalize("NFKC").toLowerCase().replace(/\s+/g, "");
}

/** The matters whose code or words hold what is looked for, those still done first. */
export function findMatters(matters: Matters, text: string): Matter[] {
  const wanted = searchable(text);
  return [...matters.values()]
    .filter((one) => String(one.code).startsWith(wanted) || searchable(`${one.wording}${one.seal}`).includes(wanted))
    .sort((one, other) => (one.abolished ?? 0) - (other.abolished ?? 0) || one.code - other.code);
}

/** For keys of maps and links. */
export function placeKey({ box, bay }: Place): string {
  return `${toHex(box)}.${bay.number}`;
}
