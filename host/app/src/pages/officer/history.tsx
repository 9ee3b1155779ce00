import { useState } from "preact/hooks";

import type { Case } from "../../core/cases.ts";
import { Failure } from "../../core/failure.ts";
import type { Desk } from "../../desk.ts";
import { useLive } from "../../ui/live.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { State } from "../../ui/state.tsx";
import { MESSAGE } from "../../wire/definitions.ts";
import { Message } from "../../wire/messages.ts";
import { say, sayOf, sayTime } from "../../words/words.ts";
import "./officer.css";

const SHOWN_AT_ONCE = 30;
const VERDICTS = ["", "you_approved", "you_denied", "officer_you_withdrew"] as const;

interface Row {
  reference: string;
  verdict: number;
  decided: number;
  one: Case | null;
}

/** What this person has decided, newest first: from what was signed here, and what the host shows of other devices. */
export function History({ at }: { at: Desk }) {
  const [most, setMost] = useState(SHOWN_AT_ONCE);
  const { value, problem } = useLive(at, () => look(at, most), [most]);
  return (
    <Page title={say("nav_history")}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {value && !value.fresh && <Notice>{say("keeper_stale")}</Notice>}
      {!value && !problem && <p class="soft">{say("loading")}</p>}
      {value?.rows.length === 0 && <p class="empty">{say("officer_history_empty")}</p>}
      <ul class="plain cards">
        {value?.rows.map((row) => (
          <li key={row.reference}>
            <a class="card request" href={`#/request/${row.reference}`}>
              <span class="row">
                <strong>{row.one?.details?.title || row.one?.code || row.reference.slice(0, 8)}</strong>
                {row.one && <State name={row.one.host?.state ?? row.one.state} />}
              </span>
              <span>
                {say(VERDICTS[row.verdict] || "you_approved")}
                {row.one && ` · ${row.one.place?.bay.seal ?? "—"} × ${String(row.one.request.fields.impressions)}`}
              </span>
              <span class="soft">
                {row.one && <span class="code">{row.one.code}</span>} {sayTime(row.decided)}
                {row.one?.problem && ` · ${sayOf("officer_details", row.one.problem)}`}
              </span>
            </a>
          </li>
        ))}
      </ul>
      {value && value.total > value.rows.length && (
        <button type="button" class="wide" onClick={() => setMost(most + SHOWN_AT_ONCE)}>
          {say("keeper_more", { count: value.total - value.rows.length })}
        </button>
      )}
    </Page>
  );
}

async function look(at: Desk, most: number): Promise<{ rows: Row[]; total: number; fresh: boolean }> {
  const rows = new Map<string, Row>();
  for (const kept of await at.store.signed()) {
    if (kept.type !== "decision" || kept.result) continue; // what was refused was no decision
    const { fields } = await Message.read(kept.raw, at.trust.profile.site, [MESSAGE.decision]);
    rows.set(kept.about, { reference: kept.about, verdict: fields.verdict as number, decided: fields.decided as number, one: null });
  }
  let fresh = true;
  try {
    for (const one of await at.cases.all()) {
      const mine = one.decisions.findLast(({ person }) => person.number === at.trust.me?.number)?.message.fields;
      if (mine) rows.set(one.reference, { reference: one.reference, verdict: mine.verdict as number, decided: mine.decided as number, one });
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    fresh = false;
  }
  const newest = [...rows.values()].sort((one, other) => other.decided - one.decided).slice(0, most);
  await Promise.all(newest.map(({ one }) => one && at.cases.addDetails(one)));
  return { rows: newest, total: rows.size, fresh };
}
