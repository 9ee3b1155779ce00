// A new authority with a new site: both begin in this browser.

import { limits } from "../../wire/definitions.ts";
import { makeKey } from "../keys.ts";
import type { Profile, Store } from "../store.ts";

declare const __HOST_URL__: string; // set when the app is built for an origin of its own

/** Makes and keeps the authority's key and the site's name. Throws Failure: insecure_page, no_ed25519. */
export async function makeAuthority(store: Store, name: string): Promise<Profile> {
  const made = await makeKey();
  const site = crypto.getRandomValues(new Uint8Array(limits.SITE));
  const profile: Profile = { site, authority: [made.publicKey], threshold: 1, hostUrl: __HOST_URL__, name, ...made, enrolment: null };
  await store.setProfile(profile);
  return profile;
}
