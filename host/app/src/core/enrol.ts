// Enrolment: a one-time link of the authority, a key that is made here, and the proof that it is held here.

import { fromHex, toHex, type Bytes } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { build } from "../wire/messages.ts";
import { makeKey, sign } from "./keys.ts";
import type { Profile, Store } from "./store.ts";

const ED25519 = 1;

/** What an enrolment link says, after its #/enrol/. */
export interface Invitation {
  site: Bytes;
  authority: Bytes[];
  threshold: number;
  token: Bytes;
  name: string;
  hostUrl: string;
}

/** The link's part after #/enrol/: everything but the secret key, in a form that survives messengers. */
export function writeInvitation(invitation: Invitation): string {
  return new URLSearchParams({
    site: toHex(invitation.site),
    authority: invitation.authority.map(toHex).join("."),
    threshold: String(invitation.threshold),
    token: toHex(invitation.token),
    name: invitation.name,
    host: invitation.hostUrl,
  }).toString();
}

/** Reads a link; null when anything of it is not as it must be. */
export function readInvitation(text: string): Invitation | null {
  const given = new URLSearchParams(text);
  const hex = (name: string, size: number): Bytes | null => {
    const digits = given.get(name) ?? "";
    return new RegExp(`^[0-9a-f]{${2 * size}}$`).test(digits) ? fromHex(digits) : null;
  };
  const [site, token] = [hex("site", 16), hex("token", 16)];
  const keys = (given.get("authority") ?? "").split(".");
  const threshold = Number(given.get("threshold"));
  const sound =
    site && token && keys.length <= 5 && keys.every((key) => /^[0-9a-f]{64}$/.test(key)) &&
    Number.isInteger(threshold) && threshold >= 1 && threshold <= keys.length;
  if (!sound) return null;
  const name = (given.get("name") ?? "").slice(0, 24);
  return { site, authority: keys.map(fromHex), threshold, token, name, hostUrl: given.get("host") ?? "" };
}

/** Makes and keeps the key and the enrolment that it signs. Throws Failure: insecure_page, no_ed25519. */
export async function enrol(store: Store, invitation: Invitation, name: string): Promise<Profile> {
  const made = await makeKey();
  const fields = { name, kind: ED25519, public: made.publicKey, token: invitation.token };
  const enrolment = await build(MESSAGE.enrol, fields, invitation.site, made.publicKey, (data) => sign(made, data));
  const { site, authority, threshold, hostUrl } = invitation;
  const profile: Profile = { site, authority, threshold, hostUrl, name, ...made, enrolment };
  await store.setProfile(profile);
  return profile;
}
