// The host's HTTP interface: sign-in, files by digest, and what the host knows. Nothing from here is believed before its
// signature or digest was checked; a host that the roster does not list is asked for nothing but its roster.

import { concat, fromHex, sha256, toHex, utf8, type Bytes } from "../wire/bytes.ts";
import { limits } from "../wire/definitions.ts";
import { compareClock } from "./clock.ts";
import { Refusal } from "../wire/errors.ts";
import { Failure } from "./failure.ts";
import { sign } from "./keys.ts";
import type { Trust } from "./trust.ts";

const TIMEOUT_MS = 20_000;
export const MAX_FILE_BYTES = 8 * 1024 * 1024;

export interface BrokerLogin {
  user: string;
  password: string;
}

export interface EnrolmentRow {
  kid: string;
  message: string;
  received: number;
}

export interface RequestView {
  reference: string;
  state: string;
  proven: boolean;
  reason: string | null;
  until: number | null;
  impressions: number;
  opened: number;
  spent: number;
  pressed: number;
  received: number;
  changed: number;
  messages: string[];
}

export class Api {
  private readonly trust: Trust;
  private readonly base: string;
  private readonly site: string;
  private token: string | null = null;
  private host: Bytes = new Uint8Array();
  private login: BrokerLogin | null = null;

  constructor(trust: Trust) {
    this.trust = trust;
    this.base = trust.profile.hostUrl;
    this.site = `/api/sites/${toHex(trust.profile.site)}`;
  }

  /** The messages of the site's roster; any host may give it, else nobody would hear of a new host. */
  async roster(): Promise<Bytes[]> {
    const answer = await this.json<{ messages: string[] }>("GET", `${this.site}/roster`, { anyHost: true });
    return answer.messages.map(fromBase64);
  }

  /** The messages of each roster after a version, oldest first. */
  async rostersSince(version: number): Promise<{ version: number; raws: Bytes[] }[]> {
    const path = `${this.site}/roster?since=${version}`;
    const answer = await this.json<{ rosters: { version: number; messages: string[] }[] }>("GET", path, { anyHost: true });
    return answer.rosters.map(({ version: one, messages }) => ({ version: one, raws: messages.map(fromBase64) }));
  }

  /** Brings the held roster up to date, by way of those in between where the newest does not follow. */
  async refresh(): Promise<boolean> {
    const before = this.trust.version;
    try {
      return await this.trust.takeRoster(await this.roster());
    } catch (error) {
      for (let since = before; ; ) {
        const between = await this.rostersSince(since);
        if (!between.length) break;
        for (const { version, raws } of between) {
          await this.take(raws);
          since = Math.max(since + 1, version);
        }
      }
      if (this.trust.version === before) throw error;
      return true;
    }
  }

  private async take(raws: Bytes[]): Promise<void> {
    try {
      await this.trust.takeRoster(raws);
    } catch (refusal) {
      // An invitation names the authority of its own day: rosters that an earlier one signed mean nothing to it.
      if (this.trust.version || !(refusal instanceof Refusal)) throw refusal;
    }
  }

  async matters(): Promise<Bytes[]> {
    return (await this.json<{ messages: string[] }>("GET", `${this.site}/matters`)).messages.map(fromBase64);
  }

  boxes(): Promise<{ kid: string; checkpoint: string | null; online: boolean }[]> {
    return this.json("GET", `${this.site}/boxes`);
  }

  /** The entries of a box's log from `first` on, as many as the host has and gives at once; a checkpoint proves them. */
  async entries(box: string, first: number, last: number): Promise<Bytes[]> {
    const path = `${this.site}/boxes/${box}/entries?first=${first}&last=${last}`;
    const answer = await this.send("GET", path, { missingOk: true });
    const found = answer && ((await answer.json()) as { entries: string[] });
    return (found?.entries ?? []).map(fromBase64);
  }

  requests(): Promise<RequestView[]> {
    return this.json("GET", `${this.site}/requests`);
  }

  async request(reference: string): Promise<RequestView | null> {
    const answer = await this.send("GET", `${this.site}/requests/${reference}`, { missingOk: true });
    return answer && ((await answer.json()) as RequestView);
  }

  ledger(): Promise<Record<string, unknown>[]> {
    return this.json("GET", `${this.site}/ledger`);
  }

  async export(): Promise<Blob> {
    return ((await this.send("GET", `${this.site}/export`)) as Response).blob();
  }

  /** Hands a new key's enrolment to the host, which tells nothing back; the same again changes nothing. */
  async enrol(raw: Bytes): Promise<void> {
    await good(await this.attempt("POST", `${this.site}/enrolments`, {}, raw));
  }

  /** For an authority key: the enrolments that wait, each still to be proven and compared. */
  enrolments(): Promise<EnrolmentRow[]> {
    return this.json("GET", `${this.site}/enrolments`, { anyHost: true });
  }

  async refuseEnrolment(kid: string): Promise<void> {
    await this.send("DELETE", `${this.site}/enrolments/${kid}`, { anyHost: true });
  }

  /** For an authority key: signed rosters that wait for other authority keys. */
  async waitingRosters(): Promise<Bytes[]> {
    const answer = await this.json<{ messages: string[] }>("GET", `${this.site}/rosters/waiting`, { anyHost: true });
    return answer.messages.map(fromBase64);
  }

  /** User and password at the broker, null where the host gives none out. */
  async brokerLogin(): Promise<BrokerLogin | null> {
    await this.signedIn(true);
    return this.login;
  }

  /** Gives the host a salted file; the same again changes nothing. */
  async putFile(digest: string, body: Bytes): Promise<void> {
    await this.send("PUT", `${this.site}/blobs/${digest}`, { body });
  }

  /** The content of a salted file, null when the host has none. Throws Failure: wrong_digest. */
  async file(digest: string): Promise<Bytes | null> {
    const answer = await this.send("GET", `${this.site}/blobs/${digest}`, { missingOk: true });
    return answer && unsalted(new Uint8Array(await answer.arrayBuffer()), digest);
  }

  private async json<Answer>(method: string, path: string, options: SendOptions = {}): Promise<Answer> {
    const answer = (await this.send(method, path, options)) as Response;
    try {
      return (await answer.json()) as Answer;
    } catch {
      throw new Failure("odd_answer", { what: path });
    }
  }

  private async send(method: string, path: string, options: SendOptions = {}): Promise<Response | null> {
    const bearer = async (): Promise<Record<string, string>> => ({
      Authorization: `Bearer ${await this.signedIn(options.anyHost ?? false)}`,
    });
    let answer = await this.attempt(method, path, await bearer(), options.body);
    if (answer.status === 401) {
      this.token = null;
      answer = await this.attempt(method, path, await bearer(), options.body);
    }
    if (answer.status === 404 && options.missingOk) return null;
    return good(answer);
  }

  private async attempt(
    method: string, path: string, headers: Record<string, string>, body?: Bytes | string,
  ): Promise<Response> {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    try {
      const sent = Date.now();
      const options = { method, headers, body, signal, credentials: "omit", cache: "no-store" } as const;
      const answer = await fetch(this.base + path, options);
      compareClock(answer.headers.get("Date"), sent, Date.now());
      return answer;
    } catch (error) {
      throw new Failure("host_unreachable", { detail: error instanceof Error ? error.name : "" });
    }
  }

  private async signedIn(anyHost: boolean): Promise<string> {
    this.token ??= await this.signIn();
    if (this.trust.version && !this.trust.isHost(this.host) && !anyHost) throw new Failure("host_not_in_roster");
    return this.token;
  }

  private async signIn(): Promise<string> {
    const { profile } = this.trust;
    const headers = { "Content-Type": "application/json" };
    const post = async (path: string, fields: object): Promise<Record<string, unknown>> =>
      (await good(await this.attempt("POST", path, headers, JSON.stringify(fields)))).json();
    const kid = toHex(profile.kid);
    const asked = await post("/api/session/challenge", { kid, site: toHex(profile.site) });
    const [challenge, host] = [fromHex(String(asked.challenge)), fromHex(String(asked.host))];
    // A message's Sig_structure never starts like this, so neither passes for the other.
    const text = utf8(`sealbox/1/sign-in/${toHex(profile.site)}/${toHex(host)}/`);
    const signature = toHex(await sign(profile, concat(text, challenge)));
    const answer = await post("/api/session", { kid, challenge: toHex(challenge), signature });
    this.host = host;
    this.login = (answer.broker as BrokerLogin | undefined) ?? null;
    return String(answer.token);
  }
}

interface SendOptions {
  anyHost?: boolean;
  missingOk?: boolean;
  body?: Bytes | string;
}

async function good(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const said = (await answer.json().catch(() => ({}))) as { error?: string };
  const error = said.error ?? String(answer.status);
  if (answer.status === 401 || answer.status === 403) throw new Failure("sign_in_refused", { error });
  throw new Failure("host_error", { status: answer.status, error });
}

/** A file as it goes to the host: 16 random bytes, then the content; with its digest in hex. */
export async function salted(content: Uint8Array): Promise<{ digest: string; body: Bytes }> {
  const body = concat(crypto.getRandomValues(new Uint8Array(limits.SALT)), content);
  if (body.length > MAX_FILE_BYTES) throw new Failure("file_too_large", { megabytes: MAX_FILE_BYTES / 1024 / 1024 });
  return { digest: toHex(await sha256(body)), body };
}

export async function unsalted(body: Bytes, digest: string): Promise<Bytes> {
  if (body.length < limits.SALT || toHex(await sha256(body)) !== digest) throw new Failure("wrong_digest");
  return body.slice(limits.SALT);
}

/** Bytes of a base64 text from the host. Throws Failure: odd_answer. */
export function fromBase64(text: string): Bytes {
  try {
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Failure("odd_answer", { what: "base64" });
  }
}
