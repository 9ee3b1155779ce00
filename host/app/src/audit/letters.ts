// The signed messages of a bundle: each read, its signature checked with a key that a proven roster lists, found by its
// reference.

import { toHex, type Bytes } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import { messagePath, type Bundle } from "./bundle.ts";
import { RANK, type Findings } from "./findings.ts";
import type { Pace } from "./pace.ts";
import { hex, ref, refusal, type Proofs } from "./proofs.ts";
import type { RosterChain } from "./rosters.ts";

const BY_PERSON: number[] = [
  MESSAGE.request, MESSAGE.decision, MESSAGE.substitute, MESSAGE.ready, MESSAGE.finish, MESSAGE.report,
];
const BY_HOST: number[] = [MESSAGE.grant, MESSAGE.time, MESSAGE.credentials];

/** The types that a bundle holds besides rosters, matters and checkpoints; refused messages are not kept. */
const EXPORTED = [...BY_PERSON, ...BY_HOST, MESSAGE.reset, MESSAGE.release];

/** Messages whose signatures hold, by reference, by type, and by the request that they name. References are in hex. */
export class Letters {
  readonly byReference = new Map<string, Message>();
  private readonly ofType = new Map<number, Message[]>();
  private readonly aboutRequest = new Map<string, Message[]>();

  /** One more; they come in the order of their references, and are given back so. */
  add(message: Message): void {
    const name = ref(message);
    if (this.byReference.has(name)) return;
    this.byReference.set(name, message);
    push(this.ofType, message.number, message);
    if (message.fields.request instanceof Uint8Array && message.number !== MESSAGE.grant) {
      push(this.aboutRequest, `${message.number} ${hex(message, "request")}`, message);
    }
  }

  of(number: number): Message[] {
    return this.ofType.get(number) ?? [];
  }

  about(number: number, request: string): Message[] {
    return this.aboutRequest.get(`${number} ${request}`) ?? [];
  }

  /** The message with this reference, when it is of this type. */
  get(reference: string, number: number): Message | null {
    const message = this.byReference.get(reference);
    return message?.number === number ? message : null;
  }
}

function push<Key>(map: Map<Key, Message[]>, key: Key, message: Message): void {
  const list = map.get(key);
  if (list) list.push(message);
  else map.set(key, [message]);
}

/** Reads all messages and checks who signed them. */
export async function checkLetters(
  bundle: Bundle, site: Bytes, chain: RosterChain, proofs: Proofs, findings: Findings, pace: Pace,
): Promise<Letters> {
  const letters = new Letters();
  const paths = bundle.below("messages/");
  pace.begin("messages", paths.length);
  for (const path of paths) {
    await pace.step();
    const name = path.slice("messages/".length, -".cose".length);
    if (findings.blames(path)) continue;
    let message: Message;
    try {
      message = await Message.read(bundle.items.get(path) as Uint8Array, site, EXPORTED);
      if (!(await checkSigner(message, chain, proofs, findings))) continue;
    } catch (error) {
      const { reason, message: why } = refusal(error);
      findings.add(RANK.message, path, name, reason, `this message is refused: ${why}`);
      continue;
    }
    if (path !== messagePath(ref(message))) {
      const why = `this item holds the message ${ref(message)}, not the one that its path names`;
      findings.add(RANK.message, path, name, "item_name", why);
    }
    letters.add(message);
  }
  return letters;
}

/** Whether the signature holds; false when a broken chain of rosters leaves the signer unknown. Throws Refusal. */
async function checkSigner(message: Message, chain: RosterChain, proofs: Proofs, findings: Findings): Promise<boolean> {
  if (message.number === MESSAGE.release) { // by the maker, whom only its own roster entry vouches for
    const listed = chain.newestFirst().some((roster) => roster.fields.releases.some((one) => toHex(one) === ref(message)));
    if (chain.brokenAt === null && !listed) throw new Refusal("release_not_listed");
    return true;
  }
  const publicKey = BY_PERSON.includes(message.number)
    ? chain.personKey(message.kid)
    : BY_HOST.includes(message.number) ? chain.hostKey(message.kid) : chain.authorityKey(message.kid);
  if (!publicKey && chain.brokenAt !== null) {
    findings.note(`message ${ref(message)}: signer not known from the proven rosters, not checked`);
    findings.blame(ref(message));
    return false;
  }
  if (!publicKey) {
    throw new Refusal("unknown_signer", `no roster lists the key ${toHex(message.kid)} for a ${message.name}`);
  }
  await proofs.check(message, publicKey);
  return true;
}
