// What this browser believes, and why: rosters by the authority's keys, people's messages by the roster, receipts by a
// host's key, checkpoints and challenges by a box's. A roster never goes back.

import { equal, toHex, type Bytes } from "../wire/bytes.ts";
import { keyId } from "../wire/cose.ts";
import { MESSAGE } from "../wire/definitions.ts";
import { Refusal } from "../wire/errors.ts";
import { Message } from "../wire/messages.ts";
import { checkRoster, checkSuccession, Roster, type Person } from "../wire/roster.ts";
import { Failure } from "./failure.ts";
import type { Profile, Store } from "./store.ts";

export class Trust {
  readonly profile: Profile;
  private readonly store: Store;
  private current: Roster | null = null;
  private payload: Uint8Array = new Uint8Array();
  private hostKids = new Set<string>();

  private constructor(profile: Profile, store: Store) {
    this.profile = profile;
    this.store = store;
  }

  static async open(profile: Profile, store: Store): Promise<Trust> {
    const trust = new Trust(profile, store);
    const held = await store.held();
    // It was checked when it was taken; who can write this store could as well write the authority's keys anew.
    const [raw] = held?.raws ?? [];
    if (raw) await trust.hold(await Message.read(raw, profile.site, [MESSAGE.roster]));
    return trust;
  }

  get version(): number {
    return this.current?.version ?? 0;
  }

  /** The roster held. Throws Failure: no_roster. */
  get roster(): Roster {
    if (!this.current) throw new Failure("no_roster");
    return this.current;
  }

  /** The roster's row of this browser's person; null while no roster lists the key. */
  get me(): Person | null {
    try {
      return this.current?.signer(this.profile.kid).person ?? null;
    } catch (error) {
      if (error instanceof Refusal) return null;
      throw error;
    }
  }

  /** Whether this browser's key is one of the authority's. */
  get isAuthority(): boolean {
    const keys = this.current?.fields.authority ?? this.profile.authority;
    return keys.some((key) => equal(key, this.profile.publicKey));
  }

  isHost(kid: Uint8Array): boolean {
    return this.hostKids.has(toHex(kid));
  }

  /** Holds a roster that is newer and may follow; whether it did. Throws Failure or Refusal for any other. */
  async takeRoster(raws: Bytes[]): Promise<boolean> {
    const [first] = await Promise.all(raws.map((raw) => Message.read(raw, this.profile.site, [MESSAGE.roster])));
    if (!first) throw new Failure("no_roster");
    const offered = first.fields.version as number;
    if (this.current && offered === this.version) {
      if (!equal(first.payload, this.payload)) throw new Failure("two_rosters", { version: offered });
      return false;
    }
    if (offered < this.version) throw new Failure("older_roster", { offered, held: this.version });
    const authority = this.current?.fields.authority ?? this.profile.authority;
    const threshold = this.current?.fields.threshold ?? this.profile.threshold;
    const signers = await this.signersOf(first, raws, authority);
    checkRoster(first.fields);
    await checkSuccession({ version: this.version, authority, threshold }, first.fields, signers);
    await this.store.setHeld({ version: offered, raws });
    await this.hold(first);
    return true;
  }

  private async hold(message: Message): Promise<void> {
    this.current = await Roster.of(message.fields);
    this.payload = message.payload;
    this.hostKids = new Set((await Promise.all(this.current.fields.hosts.map(keyId))).map(toHex));
  }

  private async signersOf(roster: Message, raws: Bytes[], authority: Bytes[]): Promise<Bytes[]> {
    const byKid = new Map(await Promise.all(authority.map(async (key) => [toHex(await keyId(key)), key] as const)));
    const signers: Bytes[] = [];
    for (const raw of raws) {
      const message = await Message.read(raw, this.profile.site, [MESSAGE.roster]);
      const key = byKid.get(toHex(message.kid));
      if (!key) continue; // a key that counts for the next roster only, or for none
      if (!equal(message.payload, roster.payload)) throw new Failure("two_rosters", { version: this.version });
      await message.check(key);
      signers.push(message.kid);
    }
    return signers;
  }

  /** A message that a person of the roster signed. */
  async ofPerson(raw: Uint8Array, expected: number[]): Promise<Message> {
    const message = await Message.read(raw, this.profile.site, expected);
    await message.check(this.roster.signer(message.kid).publicKey);
    return message;
  }

  /** A receipt that a host of the roster signed. */
  async receipt(raw: Uint8Array): Promise<Message> {
    const message = await Message.read(raw, this.profile.site, [MESSAGE.receipt]);
    await message.check(this.roster.host(message.kid));
    return message;
  }

  /** A message that this box signed. */
  async ofBox(raw: Uint8Array, box: Uint8Array, expected: number[]): Promise<Message> {
    const message = await Message.read(raw, this.profile.site, expected);
    if (!equal(message.kid, box)) throw new Refusal("wrong_box");
    await message.check(this.roster.box(box).public);
    return message;
  }
}
