import { signal } from "@preact/signals";
import { useMemo, useState } from "preact/hooks";

import type { LedgerCase, LedgerLine } from "../../audit/ledger.ts";
import type { Desk } from "../../desk.ts";
import { sayTime } from "../../words/words.ts";
import { Whole } from "./checks.tsx";
import { dossier } from "./dossier.ts";
import { chosen, NO_FILTERS, peopleOf, placeOf, type Filters } from "./filters.ts";
import { AuditPage } from "./parts.tsx";
import { Save } from "./save.tsx";
import { suspectsOf } from "./story.ts";
import { join, tell, tellOf } from "./tell.ts";

const AT_ONCE = 100;

/** Kept while one looks at a story and comes back. */
const filters = signal<Filters>(NO_FILTERS);

/** The register of seal use, as the signed history proves it. */
export function LedgerPage({ at }: { at: Desk | null }) {
  const open = dossier.value;
  const [most, setMost] = useState(AT_ONCE);
  const suspect = useMemo(() => (open ? suspectsOf(open.result) : new Set<string>()), [open]);
  if (!open) return <AuditPage title={tell("ledger")} tab="ledger">{null}</AuditPage>;
  const all = open.result.ledger;
  const lines = chosen(all, filters.value, (line) => suspect.has(line.request));
  return (
    <AuditPage title={tell("ledger")} tab="ledger">
      {!open.result.ok && <Whole result={open.result} />}
      {all.length > 0 && <FilterForm lines={all} />}
      {all.length > 0 && <p role="status" class="soft">{tell("shown", { count: lines.length, all: all.length })}</p>}
      {all.length === 0 && <p class="soft">{tell("none_yet")}</p>}
      {all.length > 0 && lines.length === 0 && <p class="soft">{tell("none_fit")}</p>}
      {lines.length > 0 && <Lines lines={lines.slice(0, most)} suspect={suspect} />}
      {lines.length > most && (
        <button type="button" onClick={() => setMost(most + AT_ONCE)}>{tell("more")}</button>
      )}
      <Save at={at} />
    </AuditPage>
  );
}

function FilterForm({ lines }: { lines: LedgerLine[] }) {
  const now = filters.value;
  const set = (change: Partial<Filters>): void => {
    filters.value = { ...filters.value, ...change };
  };
  const choices = useMemo(() => choicesOf(lines), [lines]);
  return (
    <details class="card" open={matchMedia("(min-width: 44rem)").matches}>
      <summary>{tell("filters")}</summary>
      <form class="filters" onSubmit={(event) => event.preventDefault()}>
        <Choice name={tell("seal")} value={now.seal} options={choices.seals} pick={(seal) => set({ seal })} />
        <Choice name={tell("matter")} value={now.matter} options={choices.matters} pick={(matter) => set({ matter })} />
        <Choice name={tell("filter_person")} value={now.person} options={choices.people} pick={(person) => set({ person })} />
        <Choice name={tell("filter_state")} value={now.state} options={choices.states} pick={(state) => set({ state })} />
        <label>
          {tell("filter_from")}
          <input type="date" value={now.from} onInput={(event) => set({ from: event.currentTarget.value })} />
        </label>
        <label>
          {tell("filter_until")}
          <input type="date" value={now.until} onInput={(event) => set({ until: event.currentTarget.value })} />
        </label>
        <label class="tick">
          <input type="checkbox" checked={now.anomalies} onInput={(event) => set({ anomalies: event.currentTarget.checked })} />
          {tell("filter_anomalies")}
        </label>
        <button type="button" onClick={() => set(NO_FILTERS)}>{tell("filter_clear")}</button>
      </form>
    </details>
  );
}

type Option = [value: string, name: string];

function choicesOf(lines: LedgerLine[]): Record<"seals" | "matters" | "people" | "states", Option[]> {
  const unique = (options: Option[]): Option[] =>
    [...new Map(options)].sort(([, one], [, other]) => one.localeCompare(other, "zh"));
  return {
    seals: unique(lines.map((line) => [placeOf(line), line.seal || placeOf(line)])),
    matters: unique(lines.map((line) => [String(line.matter), `${line.matter} ${line.wording}`])),
    people: unique(lines.flatMap(peopleOf).map((name) => [name, name])),
    states: unique(lines.map((line) => [line.state, tellOf("state", line.state)])),
  };
}

function Choice({ name, value, options, pick }: {
  name: string; value: string; options: Option[]; pick: (value: string) => void;
}) {
  return (
    <label>
      {name}
      <select value={value} onInput={(event) => pick(event.currentTarget.value)}>
        <option value="">{tell("all")}</option>
        {options.map(([key, text]) => <option key={key} value={key}>{text}</option>)}
      </select>
    </label>
  );
}

const COLUMNS = ["code", "raised", "seal", "matter", "keeper", "approved_by", "state", "approved_count", "pressed", "declared"] as const;
const NUMBERS = ["approved_count", "pressed", "declared"];

// The roles say that it is a table also where the styles make cards of it.
function Lines({ lines, suspect }: { lines: LedgerLine[]; suspect: Set<string> }) {
  return (
    <table class="cards" role="table" aria-label={tell("ledger")}>
      <thead role="rowgroup">
        <tr role="row">
          {COLUMNS.map((column) => (
            <th key={column} role="columnheader" scope="col" class={NUMBERS.includes(column) ? "number" : ""}>{tell(column)}</th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {lines.map((line) => <OneLine key={line.request} line={line} suspect={suspect.has(line.request)} />)}
      </tbody>
    </table>
  );
}

function OneLine({ line, suspect }: { line: LedgerLine; suspect: boolean }) {
  const cells = {
    code: <a class="code" href={`#/auditor/story/${line.request}`}>{line.code}</a>,
    raised: sayTime(line.created),
    seal: line.seal,
    matter: `${line.matter} ${line.wording}`,
    keeper: line.keeper,
    approved_by: (
      <span>
        {join(line.approved_by) || "—"}
        {line.denied_by.length > 0 && <span class="bad"><br />{tell("denied_by")}: {join(line.denied_by)}</span>}
      </span>
    ),
    state: (
      <span>
        {tellOf("state", line.state)}
        {suspect && <span class="bad"><br />✗ {tell("sort_findings")}</span>}
        {line.cases.map((one) => <span class="warn" key={one.name}><br />⚠ {tellCase(one)}</span>)}
      </span>
    ),
    approved_count: line.impressions,
    pressed: line.pressed,
    declared: line.declared ?? "—",
  };
  return (
    <tr role="row">
      {COLUMNS.map((column) => (
        <td key={column} role="cell" data-label={tell(column)} class={NUMBERS.includes(column) ? "number" : ""}>
          {cells[column]}
        </td>
      ))}
    </tr>
  );
}

/** A case in the reader's words. */
export function tellCase({ name, values }: LedgerCase): string {
  return tellOf("case", name, values);
}
