// The chain of rosters, from the authority keys that the auditor brought, and what each roster lists.
//
// It holds only rosters that enough keys of the roster before signed, the first by the auditor's own keys. It ends at the
// first that is not so; `brokenAt` then says where, so that nobody mistakes what is not known for what is not listed.

import { equal, toHex, type Bytes } from "../wire/bytes.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import { checkRoster, checkSuccession, Roster, type RosterFields } from "../wire/roster.ts";
import { rosterPath, versionIn, type Bundle } from "./bundle.ts";
import { RANK, type Findings } from "./findings.ts";
import { kidOf, num, refusal, type Proofs } from "./proofs.ts";
import { sha256 } from "./sha256.ts";

/** What the auditor brings: the authority's public keys and how many of them must sign. */
export interface Trust {
  authority: Bytes[];
  threshold: number;
}

/** The proven rosters by version, oldest first. */
export class RosterChain {
  readonly trust: Trust;
  readonly rosters = new Map<number, Roster>();
  readonly digests = new Map<number, string>();
  readonly signers = new Map<number, Bytes[]>();
  brokenAt: number | null = null;
  private readonly people = new Map<string, number | null>();

  constructor(trust: Trust) {
    this.trust = trust;
  }

  add(roster: Roster, payload: Uint8Array, signers: Bytes[]): void {
    this.rosters.set(roster.version, roster);
    this.digests.set(roster.version, toHex(sha256(payload)));
    this.signers.set(roster.version, signers);
    this.people.clear();
  }

  get last(): Roster | null {
    return [...this.rosters.values()].at(-1) ?? null;
  }

  newestFirst(): Roster[] {
    return [...this.rosters.values()].reverse();
  }

  /** The proven rosters of this version and later, oldest first. */
  since(version: number): Roster[] {
    return [...this.rosters.values()].filter((roster) => roster.version >= version);
  }

  /** Whether this version may exist where the chain is broken. */
  unknown(version: number): boolean {
    return this.brokenAt !== null && version >= this.brokenAt;
  }

  /** The public key of a host that any proven roster lists. */
  hostKey(kid: Uint8Array): Bytes | null {
    return keyIn(kid, [...this.rosters.values()].flatMap((roster) => roster.fields.hosts));
  }

  /** The public key of an authority: of the auditor's, or of any proven roster. */
  authorityKey(kid: Uint8Array): Bytes | null {
    const listed = [...this.rosters.values()].flatMap((roster) => roster.fields.authority);
    return keyIn(kid, [...this.trust.authority, ...listed]);
  }

  /** The public key of a box that any proven roster lists. */
  boxKey(kid: Uint8Array): Bytes | null {
    return keyIn(kid, [...this.rosters.values()].flatMap((roster) => roster.fields.boxes.map((box) => box.public)));
  }

  /** The public key of a person that any proven roster lists. Throws Refusal: unsupported_key_kind. */
  personKey(kid: Uint8Array): Bytes | null {
    for (const roster of this.newestFirst()) {
      try {
        return roster.signer(kid).publicKey;
      } catch (error) {
        if (refusal(error).reason !== "unknown_signer") throw error;
      }
    }
    return null;
  }

  /** The number of the person behind a key, by the newest roster that lists it. */
  personNumber(kid: Uint8Array): number | null {
    const name = toHex(kid);
    let found = this.people.get(name);
    if (found === undefined) this.people.set(name, (found = this.lookUp(kid)));
    return found;
  }

  private lookUp(kid: Uint8Array): number | null {
    for (const roster of this.newestFirst()) {
      try {
        return roster.signer(kid).person.number;
      } catch (error) {
        refusal(error);
      }
    }
    return null;
  }

  /** A person's name as in the newest roster that lists the number. */
  nameOf(number: number | null): string {
    if (number === null) return "?";
    return this.newestFirst().map((roster) => roster.person(number)?.name).find((name) => name !== undefined) ?? "?";
  }
}

/** The key of a list that a kid names. */
export function keyIn(kid: Uint8Array, keys: Bytes[]): Bytes | null {
  const name = toHex(kid);
  return keys.find((key) => kidOf(key) === name) ?? null;
}

type Offered = { path: string; message: Message };

/** Proves as many rosters as can be, lowest version first. */
export async function checkRosters(
  bundle: Bundle, site: Bytes, trust: Trust, proofs: Proofs, findings: Findings,
): Promise<RosterChain> {
  const chain = new RosterChain(trust);
  const byVersion = await readRosters(bundle, site, findings);
  const lostNow = (): number[] => findings.blamedBelow("rosters/").map(versionIn).filter((version) => version > 0);
  const lost = lostNow();
  for (const version of [...byVersion.keys()].sort((one, other) => one - other)) {
    const afterLoss = lost.some((gone) => gone <= version);
    const prover = new Prover(chain, byVersion.get(version) as Offered[], proofs, findings, afterLoss);
    if (await prover.prove()) continue;
    chain.brokenAt = Math.min(version, ...lost);
    findings.note(`rosters from version ${chain.brokenAt} on are not proven; what needs them was not checked`);
    return chain;
  }
  const all = [...lost, ...lostNow()];
  chain.brokenAt = all.length ? Math.min(...all) : null;
  if (!byVersion.size && !all.length) {
    findings.add(RANK.roster, "rosters/", "1", "roster_missing", "the bundle holds no roster");
    chain.brokenAt = 1;
  }
  return chain;
}

async function readRosters(bundle: Bundle, site: Bytes, findings: Findings): Promise<Map<number, Offered[]>> {
  const byVersion = new Map<number, Offered[]>();
  for (const path of bundle.below("rosters/")) {
    if (findings.blames(path)) continue;
    const subject = String(versionIn(path));
    let message: Message;
    try {
      message = await Message.read(bundle.items.get(path) as Uint8Array, site, [MESSAGE.roster]);
    } catch (error) {
      const { reason, message: why } = refusal(error);
      findings.add(RANK.roster, path, subject, reason, `this is no roster: ${why}`);
      continue;
    }
    const version = num(message, "version");
    if (version !== versionIn(path)) {
      const why = `this item holds roster ${version}, which its path does not say`;
      findings.add(RANK.roster, path, subject, "item_name", why);
      continue;
    }
    byVersion.set(version, [...(byVersion.get(version) ?? []), { path, message }]);
  }
  return byVersion;
}

/** Whether one version follows the chain; it is added then. `afterLoss`: a roster before it is known to be lost. */
class Prover {
  private readonly chain: RosterChain;
  private readonly offered: Offered[];
  private readonly proofs: Proofs;
  private readonly findings: Findings;
  private readonly afterLoss: boolean;
  private readonly version: number;
  private readonly authority: Bytes[];
  private readonly threshold: number;

  constructor(chain: RosterChain, offered: Offered[], proofs: Proofs, findings: Findings, afterLoss: boolean) {
    this.chain = chain;
    this.offered = offered;
    this.proofs = proofs;
    this.findings = findings;
    this.afterLoss = afterLoss;
    this.version = num((offered[0] as Offered).message, "version");
    this.authority = chain.last?.fields.authority ?? chain.trust.authority;
    this.threshold = chain.last?.fields.threshold ?? chain.trust.threshold;
  }

  async prove(): Promise<boolean> {
    const signed: Offered[] = [];
    for (const one of this.offered) if (await this.isSigned(one)) signed.push(one);
    const counting = signed.filter(({ message }) => keyIn(message.kid, this.authority));
    const first = ([...counting, ...signed, ...this.offered][0] as Offered).message;
    if (this.isForked(counting, signed, first)) return false;
    const signers = signed.filter(({ message }) => equal(message.payload, first.payload)).map(({ message }) => message.kid);
    if (!(await this.mayFollow(first, signers, counting.length, signed.length < this.offered.length))) return false;
    this.chain.add(await Roster.of(first.fields), first.payload, signers);
    return true;
  }

  private isForked(counting: Offered[], signed: Offered[], first: Message): boolean {
    const { version } = this;
    const other = counting.find(({ message }) => !equal(message.payload, first.payload));
    if (other) {
      const why = `the authority's keys stand under two different rosters of version ${version}`;
      this.findings.add(RANK.roster, other.path, String(version), "roster_fork", why);
      return true;
    }
    for (const { path, message } of signed) {
      if (equal(message.payload, first.payload)) continue;
      const why = `this other roster ${version} is signed by nobody whom the roster before it lists`;
      this.findings.add(RANK.roster, path, String(version), "unknown_signer", why);
    }
    return false;
  }

  private async mayFollow(first: Message, signers: Bytes[], counting: number, blamed: boolean): Promise<boolean> {
    const held = this.chain.last;
    try {
      const before = { version: held?.version ?? 0, authority: this.authority, threshold: this.threshold };
      await checkSuccession(before, first.fields, signers);
      checkRoster(first.fields);
      return true;
    } catch (error) {
      const { reason, message } = refusal(error);
      if (blamed || this.afterLoss) return false;
      let why = `roster ${this.version} may not follow ${held ? `roster ${held.version}` : "the given keys"}: ${message}`;
      if (!held && reason === "roster_signatures") {
        why += ` (${counting} of the given keys signed, ${this.threshold} must; see --threshold)`;
      }
      this.findings.add(RANK.roster, (this.offered[0] as Offered).path, String(this.version), reason, why);
      return false;
    }
  }

  /** Whether the signature holds, by a key of the roster before or, counting for later, of its own. */
  private async isSigned({ path, message }: Offered): Promise<boolean> {
    const subject = String(this.version);
    try {
      const key = keyIn(message.kid, [...this.authority, ...(message.fields as RosterFields).authority]);
      if (!key) throw new Refusal("unknown_signer");
      await this.proofs.check(message, key);
    } catch (error) {
      const { reason, message: why } = refusal(error);
      if (!(this.afterLoss && reason === "unknown_signer")) {
        const said = `roster ${subject} carries a signature that does not count: ${why}`;
        this.findings.add(RANK.roster, path, subject, reason, said);
      }
      return false;
    }
    if (path !== rosterPath(this.version, message.kid)) {
      const why = `this item holds roster ${subject} by ${toHex(message.kid)}, which its path does not say`;
      this.findings.add(RANK.roster, path, subject, "item_name", why);
    }
    return true;
  }
}
