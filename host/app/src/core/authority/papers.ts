// The authority's papers: signing rosters and matter lists, and where those signed stand.
//
// A version that may have reached a host is never signed again with other content. All that is signed goes through the
// desk, which keeps it until the host's receipt.

import { news, type Desk } from "../../desk.ts";
import { equal, sha256, toHex, type Bytes } from "../../wire/bytes.ts";
import { keyId } from "../../wire/cose.ts";
import { MESSAGE } from "../../wire/definitions.ts";
import { reasonName, Refusal } from "../../wire/errors.ts";
import { build, longCode, Message } from "../../wire/messages.ts";
import { checkRoster, type RosterFields } from "../../wire/roster.ts";
import type { Fields } from "../../wire/schema.ts";
import * as topics from "../../wire/topics.ts";
import { now, type Draft as Paper } from "../compose.ts";
import { Failure } from "../failure.ts";
import { sign } from "../keys.ts";
import { listDigest } from "../matters.ts";
import type { Profile, Store } from "../store.ts";
import { saveDraft, type Draft } from "./draft.ts";
import { cut, partFields } from "./matterList.ts";

const LOCK = "sealbox authority signs";
const LOOK_MS = 700;
const MAYBE_THERE = [null, "accepted", "roster_signatures"];

/** One more than the highest version that may have reached a host. */
export async function nextVersion(store: Store, site: Bytes, kind: "roster" | "matters", held: number): Promise<number> {
  const versions = [held];
  for (const kept of await store.signed()) {
    const answer = kept.result === null ? null : reasonName(kept.result);
    if (kept.type !== kind || !MAYBE_THERE.includes(answer)) continue;
    versions.push((await Message.read(kept.raw, site, [MESSAGE[kind]])).fields.version as number);
  }
  return Math.max(...versions) + 1;
}

async function paper(profile: Profile, number: number, fields: Fields): Promise<Paper> {
  const raw = await build(number, fields, profile.site, profile.publicKey, (data) => sign(profile, data));
  const message = await Message.read(raw, profile.site, [number]);
  const kept = {
    reference: toHex(message.reference), type: message.name, raw, topics: [topics.hostIn(profile.site, profile.kid)],
    about: "", files: [], made: now(), result: null,
  };
  return { message, kept, files: new Map() };
}

/** Signs a draft as the version that was shown, with its matter list. Throws Failure: meanwhile_signed, and Refusal. */
export function signDraft(at: Desk, draft: Draft, shown: number): Promise<Paper[]> {
  return navigator.locks.request(LOCK, async () => {
    const { profile } = at.trust;
    if (await at.api.refresh().catch(passOver)) news.value++;
    if ((await nextVersion(at.store, profile.site, "roster", at.trust.version)) !== shown) throw new Failure("meanwhile_signed");
    const papers: Paper[] = [];
    let { matters } = draft.fields;
    if (draft.list) {
      const lists = cut(draft.list) ?? [];
      const version = await nextVersion(at.store, profile.site, "matters", 0);
      const issued = now();
      for (const [index, items] of lists.entries()) {
        papers.push(await paper(profile, MESSAGE.matters, partFields(version, issued, index + 1, lists.length, items)));
      }
      matters = await listDigest(papers.map(({ message }) => message.payload));
    }
    const fields = { ...draft.fields, matters, version: shown, issued: now() };
    checkRoster(fields);
    papers.push(await paper(profile, MESSAGE.roster, fields));
    for (const { kept, files } of papers) await at.store.keep(kept, files);
    await saveDraft(at.store, null);
    return papers;
  });
}

/** Signs the very roster that another authority key signed. */
export function countersign(at: Desk, roster: Message): Promise<Paper[]> {
  return navigator.locks.request(LOCK, async () => [await paper(at.trust.profile, MESSAGE.roster, roster.fields)]);
}

export type Outcome = { name: "adopted" } | { name: "waits" } | { name: "refused"; reason: string };

/** Posts papers, the roster last; how it ended. Goes on until the host has answered. */
export async function publish(at: Desk, papers: Paper[]): Promise<Outcome> {
  const version = papers.at(-1)?.message.fields.version as number;
  let refused = "";
  for (const one of papers) void at.post(one).then((answer) => (refused ||= answer === "accepted" ? "" : answer));
  const reference = papers.at(-1)?.kept.reference;
  for (;;) {
    if (refused) return { name: "refused", reason: refused };
    try {
      await at.api.refresh();
    } catch (error) {
      passOver(error);
    }
    if (at.trust.version >= version) return { name: "adopted" };
    // Before a first roster is held there is no host whose receipt could be believed: the host's word must do.
    if ((await waitingRosters(at)).some((one) => one.references.includes(reference ?? ""))) return { name: "waits" };
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

function passOver(error: unknown): void {
  if (!(error instanceof Failure) && !(error instanceof Refusal)) throw error;
}

/** A roster that some authority keys have signed, and too few. */
export interface WaitingRoster {
  id: string;
  message: Message;
  fields: RosterFields;
  signers: string[];
  references: string[];
  mine: boolean;
  missing: number;
}

/** The rosters that wait, as far as authority keys of the roster held really signed them. */
export async function waitingRosters(at: Desk): Promise<WaitingRoster[]> {
  const { profile } = at.trust;
  const { authority, threshold } = at.trust.version ? at.trust.roster.fields : profile;
  const found = new Map<string, WaitingRoster>();
  let raws: Bytes[];
  try {
    raws = await at.api.waitingRosters();
  } catch (error) {
    passOver(error);
    return [];
  }
  for (const raw of raws) {
    const message = await signedBy(raw, profile.site, authority);
    if (!message || (message.fields.version as number) <= at.trust.version) continue;
    const id = toHex(await sha256(message.payload));
    const one = found.get(id) ?? {
      id, message, fields: message.fields as RosterFields, signers: [], references: [], mine: false, missing: threshold,
    };
    one.signers.push(longCode(message.kid));
    one.references.push(toHex(message.reference));
    one.mine ||= equal(message.kid, profile.kid);
    one.missing = Math.max(0, threshold - one.signers.length);
    found.set(id, one);
  }
  return [...found.values()];
}

async function signedBy(raw: Bytes, site: Bytes, authority: Bytes[]): Promise<Message | null> {
  try {
    const message = await Message.read(raw, site, [MESSAGE.roster]);
    for (const key of authority) {
      if (!equal(await keyId(key), message.kid)) continue;
      await message.check(key);
      checkRoster(message.fields);
      return message;
    }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
  return null;
}
