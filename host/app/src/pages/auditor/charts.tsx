import { useEffect, useMemo, useRef } from "preact/hooks";

import type { Desk } from "../../desk.ts";
import { dossier } from "./dossier.ts";
import { casesBySort, median, outcomes, perMatter, perMonth, spread, STEPS, type Figure } from "./figures.ts";
import { AuditPage } from "./parts.tsx";
import { Save } from "./save.tsx";
import { decisionTimes, suspectsOf } from "./story.ts";
import { tell, tellOf, tellSpan, type Key } from "./tell.ts";

/** A few plain pictures of the ledger; each number stands beside its bar. */
export function ChartsPage({ at }: { at: Desk | null }) {
  const open = dossier.value;
  const times = useMemo(() => (open ? decisionTimes(open.result) : []), [open]);
  const lines = open?.result.ledger ?? [];
  if (!open || !lines.length) {
    return <AuditPage title={tell("charts")} tab="charts">{open && <p class="soft">{tell("charts_none")}</p>}</AuditPage>;
  }
  const cases = casesBySort(lines, suspectsOf(open.result));
  const steps = [...STEPS, "more"].map((step) => tellOf("within", step));
  const took = spread(times).map((count, at) => ({ label: steps[at] as string, count }));
  return (
    <AuditPage title={tell("charts")} tab="charts">
      <div class="charts">
        <Months figures={perMonth(lines)} />
        <Bars title="chart_matters" head="matter" unit="uses" figures={perMatter(lines, tell("other_matters"))} />
        <Bars
          title="chart_times" head="time" unit="requests" figures={took}
          note={times.length ? tell("chart_median", { time: tellSpan(median(times)) }) : ""}
        />
        <Bars title="chart_outcomes" head="state" unit="requests" figures={worded("state", outcomes(lines))} />
        <Bars
          title="chart_cases" head="cases" unit="requests" figures={worded("sort", cases)}
          note={cases.length ? "" : tell("chart_cases_none")}
        />
      </div>
      <Save at={at} />
    </AuditPage>
  );
}

const worded = (group: string, figures: Figure[]): Figure[] =>
  figures.map(({ label, count }) => ({ label: tellOf(group, label), count }));

const largest = (figures: Figure[]): number => figures.reduce((most, { count }) => Math.max(most, count), 1);

/** Bars that lie, in a table that says the same in numbers. */
function Bars({ title, head, unit, figures, note = "" }: {
  title: Key; head: Key; unit: Key; figures: Figure[]; note?: string;
}) {
  const most = largest(figures);
  return (
    <section class="card">
      <h2>{tell(title)}</h2>
      {note && <p class="soft">{note}</p>}
      {figures.length > 0 && (
        <table aria-label={tell(title)}>
          <thead>
            <tr>
              <th scope="col">{tell(head)}</th>
              <th scope="col" class="number">{tell(unit)}</th>
              <td />
            </tr>
          </thead>
          <tbody>
            {figures.map(({ label, count }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td class="number">{count}</td>
                <td class="drawn">
                  <svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <rect width={(100 * count) / most} height="10" />
                  </svg>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

const STEP = 46;
const HEIGHT = 140;

/** Bars that stand, one for each month; the same as a table below. */
function Months({ figures }: { figures: Figure[] }) {
  const most = largest(figures);
  const scroll = useRef<HTMLDivElement>(null);
  useEffect(() => scroll.current?.scrollTo(scroll.current.scrollWidth, 0), [figures]); // the newest first
  return (
    <section class="card">
      <h2>{tell("chart_months")}</h2>
      <div ref={scroll} class="scroll" tabIndex={0} role="group" aria-label={tell("chart_months")}>
        <svg width={figures.length * STEP} height={HEIGHT + 50} aria-hidden="true">
          <line x1="0" y1={HEIGHT + 20} x2={figures.length * STEP} y2={HEIGHT + 20} />
          {figures.map(({ label, count }, place) => {
            const tall = (HEIGHT * count) / most;
            const [year, month] = label.split("-");
            const x = place * STEP;
            return (
              <g key={label}>
                <rect x={x + 7} y={HEIGHT + 20 - tall} width={STEP - 14} height={tall} rx="3" />
                <text x={x + STEP / 2} y={HEIGHT + 14 - tall}>{count}</text>
                <text x={x + STEP / 2} y={HEIGHT + 36}>{Number(month)}</text>
                {(place === 0 || month === "01") && <text x={x + STEP / 2} y={HEIGHT + 49}>{year}</text>}
              </g>
            );
          })}
        </svg>
      </div>
      <details>
        <summary>{tell("as_table")}</summary>
        <table>
          <thead>
            <tr>
              <th scope="col">{tell("month")}</th>
              <th scope="col" class="number">{tell("uses")}</th>
            </tr>
          </thead>
          <tbody>
            {figures.map(({ label, count }) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td class="number">{count}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </details>
    </section>
  );
}
