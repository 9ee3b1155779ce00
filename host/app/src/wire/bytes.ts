// Byte strings: what the platform lacks.

export type Bytes = Uint8Array<ArrayBuffer>;

export function toHex(data: Uint8Array): string {
  let text = "";
  for (const byte of data) text += byte.toString(16).padStart(2, "0");
  return text;
}

/** Bytes of hex digits in either case; throws RangeError for anything else. */
export function fromHex(text: string): Bytes {
  if (text.length % 2 || !/^[0-9a-fA-F]*$/.test(text)) throw new RangeError("not hex digits");
  const data = new Uint8Array(text.length / 2);
  for (let at = 0; at < data.length; at++) data[at] = Number.parseInt(text.slice(2 * at, 2 * at + 2), 16);
  return data;
}

export function concat(...parts: Uint8Array[]): Bytes {
  const joined = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, at) => byte === other[at]);
}

export function utf8(text: string): Bytes {
  return new TextEncoder().encode(text);
}

export async function sha256(...parts: Uint8Array[]): Promise<Bytes> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", concat(...parts)));
}
