// What can go wrong outside the wire, each with a key that texts.ts has words for in both languages.

export type FailureKey =
  | "no_ed25519"
  | "insecure_page"
  | "host_unreachable"
  | "host_error"
  | "host_not_in_roster"
  | "sign_in_refused"
  | "odd_answer"
  | "wrong_digest"
  | "file_too_large"
  | "details_missing"
  | "details_unreadable"
  | "no_roster"
  | "older_roster"
  | "two_rosters"
  | "not_in_roster"
  | "matter_not_here"
  | "matter_abolished"
  | "box_silent"
  | "already_decided"
  | "storage_full"
  | "no_matters"
  | "no_anchor"
  | "picture_unreadable"
  | "file_type"
  | "too_many_files"
  | "meanwhile_signed"
  | "request_missing";

/** Something that a person can understand and perhaps mend; `values` fill the words. */
export class Failure extends Error {
  readonly key: FailureKey;
  readonly values: Record<string, string | number>;

  constructor(key: FailureKey, values: Record<string, string | number> = {}) {
    super(`${key} ${JSON.stringify(values)}`);
    this.name = "Failure";
    this.key = key;
    this.values = values;
  }
}
