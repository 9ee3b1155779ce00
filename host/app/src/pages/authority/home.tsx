import { useEffect, useState } from "preact/hooks";

import { waitingRosters, type WaitingRoster } from "../../core/authority/papers.ts";
import type { Draft } from "../../core/authority/draft.ts";
import { Failure } from "../../core/failure.ts";
import { whenever, type Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { say, sayDay } from "../../words/words.ts";
import { Unsigned } from "./parts.tsx";
import { isChanged } from "./state.ts";

const LOOK_MS = 3_000; // between two looks for news at the host's door

/** What waits, and where everything is. */
export function Home({ at, draft }: { at: Desk; draft: Draft }) {
  const [enrolments, setEnrolments] = useState<number | null>(null);
  const [silent, setSilent] = useState(false);
  const [rosters, setRosters] = useState<WaitingRoster[]>([]);
  useEffect(() => {
    const look = async (): Promise<void> => {
      try {
        setEnrolments((await at.api.enrolments()).length);
        setRosters(await waitingRosters(at));
        setSilent(false);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        setSilent(true);
      }
    };
    const off = whenever(() => void look());
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => {
      off();
      clearInterval(timer);
    };
  }, [at]);
  const { fields } = draft;
  const cards: [string, string, string, number | null][] = [
    ["enrolments", say("auth_enrolments"), say("auth_enrolments_text"), enrolments],
    ["invite", say("auth_invite"), say("auth_invite_text"), null],
    ["people", say("auth_people"), say("auth_people_text"), fields.people.length],
    ["boxes", say("auth_boxes"), say("auth_boxes_text"), fields.boxes.length],
    ["rules", say("auth_rules"), say("auth_rules_text"), fields.rules.length],
    ["matters", say("auth_matters"), say("auth_matters_text"), null],
    ["hosts", say("auth_hosts"), say("auth_hosts_text"), fields.hosts.length],
  ];
  return (
    <Page title={say("auth_title")}>
      {silent && <Notice>{say("auth_host_silent")}</Notice>}
      {isChanged(at, draft) && <Unsigned />}
      {at.postman.waiting.some((kept) => kept.type === "roster") && <Notice>{say("auth_on_its_way")}</Notice>}
      {rosters.map((one) => (
        <Waiting key={one.id} one={one} />
      ))}
      <p class="soft">
        {at.trust.version
          ? say("auth_home_version", { version: at.trust.version, issued: sayDay(at.trust.roster.fields.issued) })
          : say("auth_home_first")}
      </p>
      <nav class="grid">
        {cards.map(([page, title, text, count]) => (
          <a key={page} class="card" href={`#/authority/${page}`}>
            <strong>{title}</strong>
            {count !== null && <span class={count && page === "enrolments" ? "count news" : "count"}>{say("auth_count", { count })}</span>}
            <br />
            <span class="soft">{text}</span>
          </a>
        ))}
      </nav>
      {at.trust.version > 0 && (
        <p>
          <a class="button" href="#/authority/roster">
            {say("auth_roster")}
          </a>
        </p>
      )}
    </Page>
  );
}

function Waiting({ one }: { one: WaitingRoster }) {
  return (
    <section class="card unsigned">
      <h2>{say("auth_waiting_title", { version: one.fields.version })}</h2>
      <p>{say("auth_waiting_by", { codes: one.signers.join(say("auth_comma")), missing: one.missing })}</p>
      {one.mine ? (
        <p class="soft">{say("auth_waiting_mine")}</p>
      ) : (
        <a class="button main" href={`#/authority/countersign/${one.id}`}>
          {say("auth_waiting_read")}
        </a>
      )}
    </section>
  );
}
