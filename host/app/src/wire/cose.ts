// COSE_Sign1 (RFC 9052 section 4.2) as Sealbox uses it: one fixed envelope, Ed25519 (RFC 9864), always tag 18.
//
// The envelope has one possible form, so it is read by comparing: see protocol/SPEC.md section 3.

import { concat, equal, fromHex, sha256, toHex, utf8, type Bytes } from "./bytes.ts";
import { head, readHead } from "./cbor.ts";
import { limits } from "./definitions.ts";
import { Refusal, Unencodable } from "./errors.ts";
import { strict, strictKey } from "./strict.ts";

const CONTENT_TYPE = 65000; // of type 0
const TAG = fromHex("d284"); // 18([
const HEADER_START = fromHex("a301320319"); // {1: -19, 3: uint16 ...
const HEADER_KID = fromHex("0450"); // ... 4: bytes(16)
const HEADER = HEADER_START.length + 2 + HEADER_KID.length + limits.KID;
const HEADER_HEAD = head(2, HEADER);
const EMPTY_MAP = 0xa0;
const SIGNATURE_HEAD = head(2, limits.SIGNATURE);

export interface Sign1 {
  number: number;
  kid: Bytes;
  payload: Bytes;
  signature: Bytes;
}

/** The kid of a public key: the first 16 bytes of its SHA-256. */
export async function keyId(publicKey: Uint8Array): Promise<Bytes> {
  return (await sha256(publicKey)).slice(0, limits.KID);
}

export function readSign1(data: Uint8Array): Sign1 {
  if (data.length > limits.MESSAGE) throw new Refusal("too_large");
  if (!equal(data.subarray(0, 2), TAG)) throw new Refusal(data.length < 2 ? "truncated" : "not_sign1");
  let at = TAG.length + HEADER_HEAD.length;
  const header = data.slice(at, at + HEADER);
  const fits =
    equal(data.subarray(TAG.length, at), HEADER_HEAD) &&
    header.length === HEADER &&
    equal(header.subarray(0, 5), HEADER_START) &&
    equal(header.subarray(7, 9), HEADER_KID);
  if (!fits) throw new Refusal("bad_protected_header");
  at += HEADER;
  if (data[at] !== EMPTY_MAP) throw new Refusal(at < data.length ? "unprotected_not_empty" : "truncated");
  const [major, size, start] = readHead(data, at + 1);
  const end = start + size;
  const signatureAt = end + SIGNATURE_HEAD.length;
  if (major !== 2) throw new Refusal("not_sign1", "payload is no byte string");
  if (signatureAt + limits.SIGNATURE > data.length) throw new Refusal("truncated");
  if (!equal(data.subarray(end, signatureAt), SIGNATURE_HEAD)) throw new Refusal("not_sign1", "signature is not 64 bytes");
  if (signatureAt + limits.SIGNATURE !== data.length) throw new Refusal("trailing_bytes");
  return {
    number: (header[5] as number) * 256 + (header[6] as number) - CONTENT_TYPE,
    kid: header.slice(9),
    payload: data.slice(start, end),
    signature: data.slice(signatureAt),
  };
}

function protectedHeader(number: number, kid: Uint8Array): Bytes {
  const type = CONTENT_TYPE + number;
  return concat(HEADER_START, Uint8Array.of(type >> 8, type & 255), HEADER_KID, kid);
}

/** The Sig_structure (RFC 9052 section 4.4), with `external_aad` = "sealbox/1/" + type + "/" + site in hex. */
export function toBeSigned(number: number, name: string, site: Uint8Array, kid: Uint8Array, payload: Uint8Array): Bytes {
  const aad = utf8(`sealbox/1/${name}/${toHex(site)}`);
  return concat(
    fromHex("846a"), utf8("Signature1"),
    HEADER_HEAD, protectedHeader(number, kid),
    head(2, aad.length), aad,
    head(2, payload.length), payload,
  );
}

/** A whole message; `signer` holds the secret key of `publicKey`. */
export async function sign1(
  number: number,
  name: string,
  site: Uint8Array,
  publicKey: Uint8Array,
  payload: Uint8Array,
  signer: (data: Bytes) => Promise<Uint8Array> | Uint8Array,
): Promise<Bytes> {
  const kid = await keyId(publicKey);
  const signature = await signer(toBeSigned(number, name, site, kid, payload));
  if (signature.length !== limits.SIGNATURE) throw new Unencodable("a signature has 64 bytes");
  return concat(
    TAG, HEADER_HEAD, protectedHeader(number, kid), Uint8Array.of(EMPTY_MAP),
    head(2, payload.length), payload,
    SIGNATURE_HEAD, signature,
  );
}

/** Whether a signature holds; refused as weak_key or bad_signature. */
export async function checkSignature(signed: Bytes, signature: Bytes, publicKey: Bytes): Promise<void> {
  if (!strictKey(publicKey)) throw new Refusal("weak_key");
  if (!strict(publicKey, signature) || !(await verify(publicKey, signed, signature))) throw new Refusal("bad_signature");
}

async function verify(publicKey: Bytes, signed: Bytes, signature: Bytes): Promise<boolean> {
  try {
    const key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
    return await crypto.subtle.verify({ name: "Ed25519" }, key, signature, signed);
  } catch (error) {
    if (error instanceof DOMException && error.name === "DataError") return false; // a key that is no point of the curve
    throw error;
  }
}
