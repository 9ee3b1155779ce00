// One-time tokens of this browser: given to a person with the link, found again in that person's enrolment, used once.
//
// A token only keeps strangers' enrolments apart. That key and person belong together is seen by comparing the code.

import { toHex, type Bytes } from "../../wire/bytes.ts";
import { limits, MESSAGE } from "../../wire/definitions.ts";
import { Refusal } from "../../wire/errors.ts";
import { longCode, Message } from "../../wire/messages.ts";
import { fromBase64, type EnrolmentRow } from "../api.ts";
import { writeInvitation } from "../enrol.ts";
import { Failure } from "../failure.ts";
import type { Profile, Store } from "../store.ts";
import type { Trust } from "../trust.ts";

const NOTE = "invitations";

export interface Invited {
  token: string;
  name: string;
  made: number;
  /** The key, in hex, that it was used for. */
  key: string | null;
}

export async function invitations(store: Store): Promise<Invited[]> {
  return (await store.note<Invited[]>(NOTE)) ?? [];
}

/** A new token for somebody; kept when this returns. The link that they open on their own phone. */
export async function invite(store: Store, trust: Trust, name: string): Promise<string> {
  const token = crypto.getRandomValues(new Uint8Array(limits.TOKEN));
  const one: Invited = { token: toHex(token), name, made: Math.floor(Date.now() / 1000), key: null };
  await store.setNote(NOTE, [...(await invitations(store)), one]);
  return linkOf(trust, one);
}

export function linkOf(trust: Trust, one: Invited): string {
  const { site, hostUrl } = trust.profile;
  const { authority, threshold } = trust.version ? trust.roster.fields : trust.profile;
  const token = Uint8Array.from(one.token.match(/../g) ?? [], (digits) => Number.parseInt(digits, 16));
  const text = writeInvitation({ site, authority, threshold, token, name: one.name, hostUrl });
  // The page decodes once before it reads this: what that would turn into marks of the text is encoded twice, and only
  // that, as a short link makes a QR code that poor cameras read.
  return `${location.origin}${location.pathname}#/enrol/${text.replace(/%(?=2[56B])/gi, "%25")}`;
}

export async function forgetInvitation(store: Store, token: string): Promise<void> {
  await store.setNote(NOTE, (await invitations(store)).filter((one) => one.token !== token));
}

export async function useInvitation(store: Store, token: string, key: Bytes): Promise<void> {
  const changed = (await invitations(store)).map((one) => (one.token === token ? { ...one, key: toHex(key) } : one));
  await store.setNote(NOTE, changed);
}

/** A key that asks to be listed: it signed for itself, nothing more is known. */
export interface Enrolment {
  name: string;
  publicKey: Bytes;
  kid: string;
  code: string;
  received: number;
  token: string;
  /** The invitation whose token it carries, if it was made here. */
  invited: Invited | null;
  /** Whether another key came with the same token: then one of the two is not the person's. */
  doubled: boolean;
}

/** What the host handed over, without whatever is not signed by its own key. */
export async function readEnrolments(rows: EnrolmentRow[], profile: Profile, invited: Invited[]): Promise<Enrolment[]> {
  const found: Enrolment[] = [];
  for (const row of rows) {
    const message = await proven(row.message, profile.site);
    if (!message) continue;
    const token = toHex(message.fields.token as Bytes);
    found.push({
      name: message.fields.name as string,
      publicKey: message.fields.public as Bytes,
      kid: toHex(message.kid),
      code: longCode(message.kid),
      received: row.received,
      token,
      invited: invited.find((one) => one.token === token) ?? null,
      doubled: false,
    });
  }
  const others = (one: Enrolment): Enrolment[] => found.filter((other) => other !== one && other.token === one.token);
  for (const one of found) {
    one.doubled = others(one).length > 0 || (!!one.invited?.key && one.invited.key !== toHex(one.publicKey));
  }
  return found;
}

async function proven(text: string, site: Bytes): Promise<Message | null> {
  try {
    const message = await Message.read(fromBase64(text), site, [MESSAGE.enrol]);
    if (message.fields.kind !== 1) return null;
    await message.check(message.fields.public as Bytes);
    return message;
  } catch (error) {
    if (error instanceof Refusal || error instanceof Failure) return null;
    throw error;
  }
}
