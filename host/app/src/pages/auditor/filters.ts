// Which lines of the ledger are shown.

import type { Finding } from "../../audit/findings.ts";
import type { LedgerLine } from "../../audit/ledger.ts";

export interface Filters {
  /** Box and bay, as `placeOf` names them; "" for all. The same for the others. */
  seal: string;
  matter: string;
  person: string;
  state: string;
  /** Days in the reader's zone, YYYY-MM-DD, both included. */
  from: string;
  until: string;
  anomalies: boolean;
}

export const NO_FILTERS: Filters = { seal: "", matter: "", person: "", state: "", from: "", until: "", anomalies: false };

export const placeOf = (line: LedgerLine): string => `${line.box}.${line.bay}`;

export const peopleOf = (line: LedgerLine): string[] => [line.keeper, ...line.approved_by, ...line.denied_by];

/** The day of a time in the reader's zone. */
export function dayOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

/** The lines that fit, newest first. `suspect` says whether the verification found anything about a request. */
export function chosen(lines: LedgerLine[], filters: Filters, suspect: (line: LedgerLine) => boolean): LedgerLine[] {
  return lines
    .filter((line) => {
      const day = dayOf(line.created);
      return (
        (!filters.seal || placeOf(line) === filters.seal) &&
        (!filters.matter || String(line.matter) === filters.matter) &&
        (!filters.person || peopleOf(line).includes(filters.person)) &&
        (!filters.state || line.state === filters.state) &&
        (!filters.from || day >= filters.from) &&
        (!filters.until || day <= filters.until) &&
        (!filters.anomalies || line.cases.length > 0 || suspect(line))
      );
    })
    .reverse();
}

/** The requests, by reference, that findings speak of: by name, or by an entry of a log. `requestAt` says what request
 * the entry of this log (its path) and seq is about, "" for none. */
export function suspects(findings: Finding[], requestAt: (path: string, seq: number) => string): Set<string> {
  const found = new Set<string>();
  for (const { subject, path } of findings) {
    for (const text of [subject, path]) for (const [reference] of text.matchAll(/[0-9a-f]{64}/g)) found.add(reference);
    const [, seq] = /^entry ([0-9]+)$/.exec(subject) ?? [];
    const request = seq ? requestAt(path, Number(seq)) : "";
    if (request) found.add(request);
  }
  return found;
}
