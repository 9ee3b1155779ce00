// The wire's tables, generated from sealwire: a field, a cap or a reason is written down there and nowhere else.

import tables from "../../../../protocol/definitions.json" with { type: "json" };

export interface Field {
  number: number;
  name: string;
  kind: "uint" | "bytes" | "text" | "list" | "map" | "row";
  low: number;
  high: number;
  optional?: boolean;
  of?: Field | Field[];
  without?: number;
}

interface Definition {
  name: string;
  personal?: boolean;
  fields: Field[];
}

type Table<Value> = Record<number, Value | undefined>;

export const limits = tables.limits;
export const reasons = tables.reasons as Table<string>;
export const messageTypes = tables.messages as unknown as Table<Definition>;
export const itemTypes = tables.items as unknown as Table<Definition>;
export const entryKinds = tables.entries as unknown as Table<Definition>;
export const causes = tables.causes as Table<string>;

function numbers<Name extends string>(table: Table<{ name: string }>): Record<Name, number> {
  return Object.fromEntries(Object.entries(table).map(([number, one]) => [one?.name, Number(number)])) as never;
}

/** Number of a message type by its name. */
export const MESSAGE = numbers<
  | "roster" | "request" | "decision" | "substitute" | "ready" | "finish" | "report" | "matters" | "enrol" | "receipt"
  | "challenge" | "grant" | "time" | "checkpoint" | "ack" | "reset" | "release" | "credentials"
>(messageTypes);

/** Number of an unsigned item by its name. */
export const ITEM = numbers<"entries" | "ask" | "provision" | "hello">(itemTypes);

/** Number of a kind of log entry by its name. */
export const ENTRY = numbers<
  | "origin" | "boot" | "roster" | "intent" | "press" | "closed" | "interrupted" | "decision" | "finish" | "refused"
  | "jam" | "tamper" | "reset" | "time" | "prune" | "release" | "seal" | "power" | "forced" | "state" | "link"
>(entryKinds);
