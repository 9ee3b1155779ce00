import { useState } from "preact/hooks";

import { fromBase64, type RequestView } from "../../core/api.ts";
import type { Case } from "../../core/cases.ts";
import type { Kept } from "../../core/store.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { State } from "../../ui/state.tsx";
import { readSign1 } from "../../wire/cose.ts";
import { MESSAGE } from "../../wire/definitions.ts";
import { Refusal } from "../../wire/errors.ts";
import { Failure } from "../../core/failure.ts";
import { say, sayTime } from "../../words/words.ts";
import { NewRequest } from "./form.tsx";
import { Follow } from "./follow.tsx";
import { useLive } from "../../ui/live.ts";

const SHOWN_AT_ONCE = 30;
const ENDED = ["finished", "denied", "expired", "failed", "refused"];

/** The keeper's pages: #/keeper, #/keeper/new, #/keeper/new/<request continued>, #/keeper/request/<reference>. */
export function Keeper({ at, path }: { at: Desk; path: string[] }) {
  const [page, argument = ""] = path;
  if (page === "new") return <NewRequest key={argument} at={at} follows={argument || null} />;
  if (page === "request") return <Follow key={argument} at={at} reference={argument} />;
  return <OwnRequests at={at} />;
}

interface Row {
  one: Case;
  state: string;
}

/** The keeper's own requests, newest first: those under way, then those that have ended. */
function OwnRequests({ at }: { at: Desk }) {
  const [most, setMost] = useState(SHOWN_AT_ONCE);
  const { value, problem } = useLive(at, () => ownRequests(at, most), [most]);
  const groups = [
    { title: say("keeper_under_way"), rows: value?.rows.filter(({ state }) => !ENDED.includes(state)) ?? [] },
    { title: say("keeper_ended"), rows: value?.rows.filter(({ state }) => ENDED.includes(state)) ?? [] },
  ];
  return (
    <Page title={say("keeper_requests")}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {value && !value.fresh && <Notice>{say("keeper_stale")}</Notice>}
      <p>
        <a class="button main wide" href="#/keeper/new">
          {say("keeper_new")}
        </a>
      </p>
      {!value && !problem && <p class="soft">{say("loading")}</p>}
      {value?.rows.length === 0 && <p class="soft">{say("keeper_empty")}</p>}
      {groups.map(
        ({ title, rows }) =>
          rows.length > 0 && (
            <section key={title}>
              <h2>{title}</h2>
              {rows.map((row) => (
                <RequestCard key={row.one.reference} {...row} />
              ))}
            </section>
          ),
      )}
      {value && value.total > value.rows.length && (
        <button type="button" class="wide" onClick={() => setMost(most + SHOWN_AT_ONCE)}>
          {say("keeper_more", { count: value.total - value.rows.length })}
        </button>
      )}
      {value && value.rows.length > 0 && <p class="soft small">{say("keeper_list_word")}</p>}
    </Page>
  );
}

function RequestCard({ one, state }: Row) {
  return (
    <a class="card request" href={`#/keeper/request/${one.reference}`}>
      <span class="row">
        <strong>{one.details?.title || one.code}</strong>
        <State name={state} />
      </span>
      <span>
        {one.place?.bay.seal ?? "—"} × {String(one.request.fields.impressions)}
        {one.details?.resident && ` · ${one.details.resident}`}
      </span>
      <span class="soft">
        <span class="code">{one.code}</span> · {sayTime(one.request.fields.created as number)}
      </span>
    </a>
  );
}

/** Signed here, or by this person on another device as the host shows; with details for those that are shown. */
async function ownRequests(at: Desk, most: number): Promise<{ rows: Row[]; total: number; fresh: boolean }> {
  const signed = (await at.store.signed()).filter(({ type }) => type === "request");
  const found = new Map<string, Case>();
  let fresh = true;
  try {
    for (const one of await atHost(at)) if (one.raiser.number === at.trust.me?.number) found.set(one.reference, one);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    fresh = false;
  }
  for (const kept of signed) {
    if (found.has(kept.reference)) continue;
    try {
      found.set(kept.reference, await at.cases.look(await at.trust.ofPerson(kept.raw, [MESSAGE.request]), null));
    } catch (error) {
      if (!(error instanceof Refusal)) throw error; // by a key that no roster lists any more
    }
  }
  const newest = [...found.values()].sort((one, other) => created(other) - created(one)).slice(0, most);
  await Promise.all(newest.map((one) => at.cases.addDetails(one)));
  const reported = new Set((await at.store.signed()).filter(({ type, result }) => type === "report" && !result).map(({ about }) => about));
  const rows = newest.map((one) => {
    const state = stateOf(one, signed.find((kept) => kept.reference === one.reference));
    const due = ENDED.includes(state) && one.host && one.host.opened > 0 && !reported.has(one.reference) && !hasReport(one.host);
    return { one, state: due ? "to_report" : state };
  });
  return { rows, total: found.size, fresh };
}

const ALL_EVERY_MS = 15_000; // the whole list is up to a megabyte: each piece of news asks for what is under way only
const LIVE = ["waiting", "approved", "granted", "open"];
let last: { at: Desk; when: number; cases: Map<string, Case> } | null = null;

async function atHost(at: Desk): Promise<Iterable<Case>> {
  if (last?.at !== at || Date.now() > last.when + ALL_EVERY_MS) {
    const cases = new Map((await at.cases.all()).map((one) => [one.reference, one] as const));
    last = { at, when: Date.now(), cases };
    return cases.values();
  }
  const { cases } = last;
  const known = [...cases.values()].filter((one) => LIVE.includes(one.host?.state ?? ""));
  const asked = new Set(known.map(({ reference }) => reference));
  for (const kept of await at.store.signed()) {
    if (kept.type === "request" && kept.result === 0 && !cases.has(kept.reference)) asked.add(kept.reference);
  }
  for (const one of await Promise.all([...asked].map((reference) => at.cases.find(reference)))) {
    if (one) cases.set(one.reference, one);
  }
  return cases.values();
}

/** The host's word where there is one; else what was signed here and heard so far. */
function stateOf(one: Case, kept: Kept | undefined): string {
  if (one.host) return one.host.state;
  if (kept?.result === null) return "sending";
  return kept?.result ? "refused" : one.state;
}

/** Whether the host has a report of the keeper's. */
function hasReport(host: RequestView): boolean {
  return host.messages.some((text) => readSign1(fromBase64(text)).number === MESSAGE.report);
}

function created(one: Case): number {
  return one.request.fields.created as number;
}
