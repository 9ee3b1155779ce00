// What can be wrong with a message: the reasons of protocol/SPEC.md, by name.

import { reasons } from "./definitions.ts";

/** A message, entry or value that is refused; `reason` is the name in SPEC.md. */
export class Refusal extends Error {
  readonly reason: string;

  constructor(reason: string, detail = "") {
    super(detail ? `${reason}: ${detail}` : reason);
    this.name = "Refusal";
    this.reason = reason;
  }
}

/** A caller asked for what the wire cannot carry: a fault of the program, not of a peer. */
export class Unencodable extends TypeError {}

/** The name of a reason's number, as receipts and log entries carry it. */
export function reasonName(number: number): string {
  return reasons[number] ?? "unknown_reason";
}
