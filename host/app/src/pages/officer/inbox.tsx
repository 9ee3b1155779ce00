import type { Case } from "../../core/cases.ts";
import { now } from "../../core/compose.ts";
import type { Desk } from "../../desk.ts";
import { useLive } from "../../ui/live.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { MESSAGE } from "../../wire/definitions.ts";
import { say, sayOf, sayTime } from "../../words/words.ts";
import "./officer.css";

const SOON_S = 3600; // what can be decided for no longer than this is marked

/** The requests that wait for this officer, oldest first. */
export function Inbox({ at }: { at: Desk }) {
  const waiting = at.waiting.value; // each change of it is looked at at once
  const { value: found, problem } = useLive(at, () => look(at), [waiting]);
  return (
    <Page title={say("inbox")}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {!found && !problem && <p class="soft">{say("loading")}</p>}
      {found?.length === 0 && <p class="empty">{say("inbox_empty")}</p>}
      <ul class="plain cards">
        {found?.map((one) => (
          <li key={one.reference}>
            <Card one={one} />
          </li>
        ))}
      </ul>
    </Page>
  );
}

function Card({ one }: { one: Case }) {
  const expires = one.request.fields.expires as number;
  const soon = expires - now() < SOON_S;
  return (
    <a class="card request" href={`#/request/${one.reference}`}>
      <strong>{one.details?.title || one.code}</strong>
      <span>
        {one.place?.bay.seal ?? "—"} × {String(one.request.fields.impressions)}
        {one.details?.resident && ` · ${one.details.resident}`}
      </span>
      <span class="soft">
        {one.raiser.name} · {sayTime(created(one))} · <span class="code">{one.code}</span>
      </span>
      {one.problem && <span class="bad">{sayOf("officer_details", one.problem)}</span>}
      {soon && <span class="warn">{say("officer_soon", { time: sayTime(expires) })}</span>}
    </a>
  );
}

async function look(at: Desk): Promise<Case[]> {
  const raws = [...at.waiting.value.values()];
  const requests = await Promise.all(raws.map((raw) => at.trust.ofPerson(raw, [MESSAGE.request])));
  const cases = await Promise.all(requests.map((request) => at.cases.look(request, null)));
  await Promise.all(cases.map((one) => at.cases.addDetails(one)));
  return cases.filter((one) => one.state !== "expired").sort((a, b) => created(a) - created(b));
}

function created(one: Case): number {
  return one.request.fields.created as number;
}
