// This browser's signing key. One function signs, so that another kind of key can come behind it.

import type { Bytes } from "../wire/bytes.ts";
import { keyId } from "../wire/cose.ts";
import { Failure } from "./failure.ts";
import type { Profile } from "./store.ts";

const ED25519 = { name: "Ed25519" };

export interface NewKey {
  key: CryptoKey;
  publicKey: Bytes;
  kid: Bytes;
}

/** Makes a key that this browser keeps and nobody can copy. Throws Failure: insecure_page, no_ed25519. */
export async function makeKey(): Promise<NewKey> {
  if (!globalThis.isSecureContext) throw new Failure("insecure_page");
  let pair: CryptoKeyPair;
  try {
    pair = (await crypto.subtle.generateKey(ED25519, false, ["sign", "verify"])) as CryptoKeyPair;
  } catch (error) {
    if (error instanceof DOMException) throw new Failure("no_ed25519");
    throw error;
  }
  const publicKey = new Uint8Array(await crypto.subtle.exportKey("raw", pair.publicKey));
  return { key: pair.privateKey, publicKey, kid: await keyId(publicKey) };
}

/** Signs with the profile's key. */
export async function sign(profile: Pick<Profile, "key">, data: Bytes): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.sign(ED25519, profile.key, data));
}
