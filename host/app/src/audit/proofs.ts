// Reading and checking signed messages: a signature that held once is not computed again, since a grant carries whole
// messages that the bundle has as well.

import { toHex, type Bytes } from "../wire/bytes.ts";
import { limits } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import type { Fields } from "../wire/schema.ts";
import { sha256 } from "./sha256.ts";

/** A field that the definition says is there, as a number. */
export const num = (of: { fields: Fields }, name: string): number => of.fields[name] as number;

/** The same for a byte string. */
export const bin = (of: { fields: Fields }, name: string): Bytes => of.fields[name] as Bytes;

/** A field in hex, "" when it is missing. */
export const hex = (of: { fields: Fields }, name: string): string =>
  of.fields[name] === undefined ? "" : toHex(of.fields[name] as Bytes);

/** A message's reference in hex. */
export const ref = (message: Message): string => toHex(message.reference);

const kids = new WeakMap<Uint8Array, string>();

/** The kid of a public key, in hex. */
export function kidOf(publicKey: Uint8Array): string {
  let found = kids.get(publicKey);
  if (found === undefined) kids.set(publicKey, (found = toHex(sha256(publicKey).subarray(0, limits.KID))));
  return found;
}

/** Signatures that held. One may serve for several bundles. */
export class Proofs {
  private readonly held = new Set<string>();

  /** Whether this key signed the message. Throws Refusal: unknown_signer, weak_key, bad_signature. */
  async check(message: Message, publicKey: Bytes): Promise<void> {
    const name = `${ref(message)}${toHex(message.raw.subarray(-limits.SIGNATURE))}${toHex(publicKey)}`;
    if (this.held.has(name)) return;
    await message.check(publicKey);
    this.held.add(name);
  }
}

/** What a refusal says; anything else is no matter of the bundle and thrown on. */
export function refusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  throw error;
}
