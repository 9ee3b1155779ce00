// Which Ed25519 keys and signatures may reach the platform's verify function: the same that host and box let through.
//
// Browsers take low-order keys; what is left to them is the equation, without the cofactor.

const P = (1n << 255n) - 19n;
const L = (1n << 252n) + 27742317777372353535851937790883648493n;
const Y = (1n << 255n) - 1n;
const ORDER_EIGHT = 55188659117513257062467267217118295137698188065244968500265048394206261417927n;

// The y coordinates of the eight points whose order divides the cofactor (RFC 7748 section 7 on small-order points).
const LOW_ORDER = new Set([0n, 1n, P - 1n, ORDER_EIGHT, P - ORDER_EIGHT]);

function little(data: Uint8Array): bigint {
  let number = 0n;
  for (const byte of data.toReversed()) number = (number << 8n) | BigInt(byte);
  return number;
}

/** Whether y is below p, and x = 0 does not carry the sign bit (RFC 8032 section 5.1.3). */
function canonical(point: Uint8Array): boolean {
  const number = little(point);
  const y = number & Y;
  return y < P && !(number > Y && (y === 1n || y === P - 1n));
}

/** Whether a public key may be enrolled and used: 32 bytes, canonical, not of low order. */
export function strictKey(publicKey: Uint8Array): boolean {
  return publicKey.length === 32 && canonical(publicKey) && !LOW_ORDER.has(little(publicKey) & Y);
}

/** Whether this key and this signature may be handed to a verify function (RFC 8032 section 5.1.7). */
export function strict(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return (
    signature.length === 64 &&
    strictKey(publicKey) &&
    canonical(signature.subarray(0, 32)) &&
    little(signature.subarray(32)) < L
  );
}
