// Messages, unsigned items, and the codes that people compare. Reading proves form only: check the signature, then the
// meaning with rules.ts.

import { concat, equal, sha256, type Bytes } from "./bytes.ts";
import { decode, encode, type Value } from "./cbor.ts";
import { checkSignature, keyId, readSign1, sign1, toBeSigned } from "./cose.ts";
import { ITEM, itemTypes, limits, messageTypes, type Field } from "./definitions.ts";
import { Refusal } from "./errors.ts";
import { fromMap, toMap, toRow, type Fields } from "./schema.ts";

export class Message {
  readonly number: number;
  readonly name: string;
  readonly kid: Bytes;
  readonly fields: Fields;
  readonly site: Bytes;
  readonly raw: Bytes;
  readonly payload: Bytes;
  readonly reference: Bytes;
  private readonly signature: Bytes;
  private readonly signed: Bytes;

  private constructor(raw: Bytes, site: Bytes, signed: Bytes, reference: Bytes, fields: Fields) {
    const envelope = readSign1(raw);
    this.number = envelope.number;
    this.name = messageTypes[envelope.number]?.name ?? "";
    this.kid = envelope.kid;
    this.payload = envelope.payload;
    this.signature = envelope.signature;
    this.fields = fields;
    this.site = site;
    this.raw = raw;
    this.signed = signed;
    this.reference = reference;
  }

  /** Reads a message of one of the expected types, all by default. Throws Refusal. */
  static async read(raw: Uint8Array, site: Uint8Array, expected?: number[]): Promise<Message> {
    const envelope = readSign1(raw);
    const definition = messageTypes[envelope.number];
    if (!definition) throw new Refusal("unknown_type");
    if (expected && !expected.includes(envelope.number)) throw new Refusal("unexpected_type");
    if (definition.personal && raw.length > limits.PERSONAL_MESSAGE) throw new Refusal("too_large");
    const fields = readPayload(envelope.number, envelope.payload);
    const signed = toBeSigned(envelope.number, definition.name, site, envelope.kid, envelope.payload);
    return new Message(concat(raw), concat(site), signed, await sha256(signed), fields);
  }

  /** Checks the signature by this key. Throws Refusal: unknown_signer (another key's kid), weak_key, bad_signature. */
  async check(publicKey: Bytes): Promise<void> {
    if (!equal(await keyId(publicKey), this.kid)) throw new Refusal("unknown_signer");
    await checkSignature(this.signed, this.signature, publicKey);
  }
}

export function readPayload(number: number, data: Uint8Array): Fields {
  return fromMap(fieldsOf(number), decode(data));
}

function fieldsOf(number: number): Field[] {
  const definition = messageTypes[number];
  if (!definition) throw new Refusal("unknown_type");
  return definition.fields;
}

/** A signed message. Throws Refusal when a field breaks the definition or the message is over its cap. */
export async function build(
  number: number,
  fields: Fields,
  site: Uint8Array,
  publicKey: Uint8Array,
  signer: (data: Bytes) => Promise<Uint8Array> | Uint8Array,
): Promise<Bytes> {
  const payload = encode(toMap(fieldsOf(number), fields));
  const definition = messageTypes[number];
  const raw = await sign1(number, definition?.name ?? "", site, publicKey, payload, signer);
  if (raw.length > (definition?.personal ? limits.PERSONAL_MESSAGE : limits.MESSAGE)) throw new Refusal("too_large");
  return raw;
}

/** The reference that a message will have once it is signed. Throws Refusal when a field breaks the definition. */
export async function referenceOf(
  number: number, fields: Fields, signer: { site: Uint8Array; kid: Uint8Array },
): Promise<Bytes> {
  const payload = encode(toMap(fieldsOf(number), fields));
  return sha256(toBeSigned(number, messageTypes[number]?.name ?? "", signer.site, signer.kid, payload));
}

/** Whether bytes are meant as a signed message and not as an unsigned item. */
export function isSigned(raw: Uint8Array): boolean {
  return raw[0] === 0xd2;
}

export function readItem(raw: Uint8Array): { number: number; fields: Fields } {
  const value = decode(raw);
  if (!(value instanceof Map)) throw new Refusal("not_a_map");
  const number = value.get(0);
  value.delete(0);
  const definition = typeof number === "number" ? itemTypes[number] : undefined;
  if (!definition) throw new Refusal("unknown_type");
  return { number: number as number, fields: fromMap(definition.fields, value) };
}

export function buildItem(number: number, fields: Fields): Bytes {
  const definition = itemTypes[number];
  if (!definition) throw new Refusal("unknown_type");
  return encode(toMap(definition.fields, fields).set(0, number));
}

/** Asks a box for a challenge for one of its bays. */
export function askItem(bay: number): Bytes {
  return buildItem(ITEM.ask, { bay });
}

const CODE = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; // Crockford's base 32: no I, L, O, U to be misread

/** Eight letters and digits by which people compare a request on app and box: the first 40 bits of a digest. */
export function shortCode(digest: Uint8Array): string {
  let number = 0;
  for (const byte of digest.subarray(0, 5)) number = number * 256 + byte;
  let letters = "";
  for (let count = 0; count < 8; count++) {
    letters = (CODE[number % 32] as string) + letters;
    number = Math.floor(number / 32);
  }
  return `${letters.slice(0, 4)}-${letters.slice(4)}`;
}

/** Sixteen letters and digits by which people compare a key or a site: the first 80 bits of a digest or kid. */
export function longCode(digest: Uint8Array): string {
  return `${shortCode(digest)}-${shortCode(digest.subarray(5))}`;
}

/** The code that stands for site, authority keys and threshold. */
export async function siteCode(site: Bytes, authority: Bytes[], threshold: number): Promise<string> {
  return longCode(await sha256(encode([site, authority, threshold] as Value[])));
}

/** How a request names its rule: the SHA-256 of the rule's encoding in the roster. */
export async function ruleDigest(rule: Fields): Promise<Bytes> {
  const rules = messageTypes[1]?.fields.find((field) => field.name === "rules")?.of as Field;
  return sha256(encode(toRow(rules.of as Field[], rule)));
}
