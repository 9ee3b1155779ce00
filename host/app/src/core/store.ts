// What the app keeps in this browser (IndexedDB): who one is, the roster held, and what was signed until it is
// receipted. The private key is a CryptoKey that cannot be exported; nothing here can hand it out.

import { openDB, type DBSchema, type IDBPDatabase } from "idb";

import type { Bytes } from "../wire/bytes.ts";
import { Failure } from "./failure.ts";

export interface Profile {
  site: Bytes;
  /** The authority's public keys, and how many of them sign a roster, as the enrolment link gave them. */
  authority: Bytes[];
  threshold: number;
  /** Where the host's interface is; "" is where the app came from. */
  hostUrl: string;
  name: string;
  publicKey: Bytes;
  kid: Bytes;
  key: CryptoKey;
  /** The enrolment, signed by the new key, until a roster lists it. */
  enrolment: Bytes | null;
}

/** A message that was signed here. */
export interface Kept {
  /** In hex. */
  reference: string;
  type: string;
  raw: Bytes;
  topics: string[];
  /** Reference, in hex, of the request that it speaks of. */
  about: string;
  /** Digests, in hex, of the files that it names. */
  files: string[];
  made: number;
  /** Number of the host's answer; null while none came. */
  result: number | null;
}

export interface Held {
  version: number;
  raws: Bytes[];
}

interface Schema extends DBSchema {
  one: { key: "profile" | "roster"; value: Profile | Held };
  kept: { key: string; value: Kept };
  files: { key: string; value: Bytes };
  notes: { key: string; value: unknown };
}

export class Store {
  private readonly db: IDBPDatabase<Schema>;

  private constructor(db: IDBPDatabase<Schema>) {
    this.db = db;
  }

  static async open(name = "sealbox"): Promise<Store> {
    const db = await openDB<Schema>(name, 1, {
      upgrade(made) {
        made.createObjectStore("one");
        made.createObjectStore("kept", { keyPath: "reference" });
        made.createObjectStore("files");
        made.createObjectStore("notes");
      },
    });
    return new Store(db);
  }

  async profile(): Promise<Profile | undefined> {
    return (await this.db.get("one", "profile")) as Profile | undefined;
  }

  /** Keeps who one is; a roster of another site is forgotten with it. */
  async setProfile(profile: Profile): Promise<void> {
    await this.db.put("one", profile, "profile");
  }

  async held(): Promise<Held | undefined> {
    return (await this.db.get("one", "roster")) as Held | undefined;
  }

  async setHeld(held: Held): Promise<void> {
    await this.db.put("one", held, "roster");
  }

  /** Keeps a signed message and its files, all or nothing; the same again changes nothing. */
  async keep(kept: Kept, files: Map<string, Bytes>): Promise<void> {
    try {
      const tx = this.db.transaction(["kept", "files"], "readwrite");
      if (!(await tx.objectStore("kept").get(kept.reference))) await tx.objectStore("kept").put(kept);
      for (const [digest, body] of files) await tx.objectStore("files").put(body, digest);
      await tx.done;
    } catch (error) {
      if (error instanceof DOMException && error.name === "QuotaExceededError") throw new Failure("storage_full");
      throw error;
    }
  }

  async settle(reference: string, result: number): Promise<void> {
    const tx = this.db.transaction("kept", "readwrite");
    const kept = await tx.store.get(reference);
    if (kept) await tx.store.put({ ...kept, result });
    await tx.done;
  }

  /** Everything signed here, oldest first. */
  async signed(): Promise<Kept[]> {
    return (await this.db.getAll("kept")).sort((one, other) => one.made - other.made);
  }

  async file(digest: string): Promise<Bytes | undefined> {
    return this.db.get("files", digest);
  }

  async note<Value>(name: string): Promise<Value | undefined> {
    return (await this.db.get("notes", name)) as Value | undefined;
  }

  async setNote(name: string, value: unknown): Promise<void> {
    await this.db.put("notes", value, name);
  }

  /** Forgets everything: the key too, which is then gone for good. */
  async forget(): Promise<void> {
    const stores = ["one", "kept", "files", "notes"] as const;
    const tx = this.db.transaction(stores, "readwrite");
    await Promise.all(stores.map((name) => tx.objectStore(name).clear()));
    await tx.done;
  }
}
