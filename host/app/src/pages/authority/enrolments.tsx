import { useEffect, useState } from "preact/hooks";

import { freeNumber, isListed, keyRow, withPerson, type Draft } from "../../core/authority/draft.ts";
import { invitations, readEnrolments, useInvitation, type Enrolment } from "../../core/authority/invites.ts";
import { now } from "../../core/compose.ts";
import { whenever, type Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import type { RosterFields } from "../../wire/roster.ts";
import { say, sayError, sayTime } from "../../words/words.ts";
import { AuthorityPage, dayOf, Field, fitsName, RolesField, secondsOf, Sure, Tick } from "./parts.tsx";
import { change } from "./state.ts";

const LOOK_MS = 3_000;
const YEARS = 3; // that a new person's row is valid, unless changed

/** Keys that ask to be listed. What they say of themselves is nobody's word until the code was compared. */
export function Enrolments({ at, draft }: { at: Desk; draft: Draft }) {
  const [found, setFound] = useState<Enrolment[] | null>(null);
  const [problem, setProblem] = useState("");
  const [done, setDone] = useState("");
  const [looks, lookAgain] = useState(0);
  useEffect(() => {
    const look = async (): Promise<void> => {
      try {
        const rows = await at.api.enrolments();
        setFound(await readEnrolments(rows, at.trust.profile, await invitations(at.store)));
        setProblem("");
      } catch (error) {
        setProblem(sayError(error));
      }
    };
    const off = whenever(() => void look());
    const timer = setInterval(() => void look(), LOOK_MS);
    return () => {
      off();
      clearInterval(timer);
    };
  }, [at, looks]);
  const open = found?.filter((one) => !isListed(draft.fields, one.publicKey));
  const refuse = async (one: Enrolment): Promise<void> => {
    try {
      await at.api.refuseEnrolment(one.kid);
      setDone(say("auth_refused_done"));
      lookAgain(looks + 1);
    } catch (error) {
      setProblem(sayError(error));
    }
  };
  return (
    <AuthorityPage at={at} title={say("auth_enrolments")}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {done && <Notice tone="good">{done}</Notice>}
      {open?.length === 0 && !done && <p class="soft">{say("auth_none_waiting")}</p>}
      {open?.map((one) => (
        <One key={one.kid} at={at} draft={draft} one={one} refuse={() => void refuse(one)} tell={setDone} />
      ))}
    </AuthorityPage>
  );
}

interface Given {
  as: string;
  name: string;
  roles: number;
  from: string;
  until: string;
}

function One({ at, draft, one, refuse, tell }: { at: Desk; draft: Draft; one: Enrolment; refuse: () => void; tell: (done: string) => void }) {
  const known = draft.fields.people.find((person) => person.name === one.name);
  const [compared, setCompared] = useState(false);
  const [given, setGiven] = useState<Given>({
    as: known ? String(known.number) : "new", name: one.name, roles: 0,
    from: dayOf(now()), until: dayOf(now() + YEARS * 365 * 86400),
  });
  const [problem, setProblem] = useState("");
  const accept = async (): Promise<void> => {
    const wrong = faultOf(given);
    setProblem(wrong);
    if (wrong) return;
    await change(at, (fields) => taken(at, fields, one, given));
    if (one.invited) await useInvitation(at.store, one.token, one.publicKey);
    tell(say("auth_taken", { name: given.as === "authority" ? one.code : given.name }));
  };
  return (
    <section class="card" aria-label={one.name}>
      <h2>{one.name}</h2>
      <p class="soft">{say("auth_received", { time: sayTime(one.received) })}</p>
      <Origin one={one} />
      <p>{say("auth_compare", { name: one.invited?.name ?? one.name })}</p>
      <output class="code large">{one.code}</output>
      <p class="soft small">{say("auth_compare_why")}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void accept();
        }}
      >
        <Tick checked={compared} onChange={setCompared}>
          {say("auth_compared", { name: one.invited?.name ?? one.name })}
        </Tick>
        {compared && <Form draft={draft} given={given} set={setGiven} />}
        {problem && <Notice tone="bad">{problem}</Notice>}
        <div class="actions">
          <Sure label={say("auth_refuse")} sure={say("auth_refuse_sure")} onSure={refuse} />
          <button class="main" disabled={!compared}>
            {say("auth_accept")}
          </button>
        </div>
      </form>
    </section>
  );
}

function Origin({ one }: { one: Enrolment }) {
  return (
    <>
      {one.invited ? (
        <p class="soft">{say("auth_invited", { name: one.invited.name, time: sayTime(one.invited.made) })}</p>
      ) : (
        <Notice>{say("auth_not_invited")}</Notice>
      )}
      {one.doubled && <Notice tone="bad">{say("auth_doubled")}</Notice>}
      {one.invited && one.invited.name !== one.name && <Notice>{say("auth_other_name", { name: one.name, invited: one.invited.name })}</Notice>}
    </>
  );
}

function Form({ draft, given, set }: { draft: Draft; given: Given; set: (given: Given) => void }) {
  const put = (changed: Partial<Given>): void => set({ ...given, ...changed });
  return (
    <>
      <Field label={say("auth_as")}>
        <select value={given.as} onChange={(event) => put({ as: event.currentTarget.value })}>
          <option value="new" selected={given.as === "new"}>{say("auth_as_new")}</option>
          {draft.fields.people.map(({ number, name }) => (
            <option key={number} value={String(number)} selected={given.as === String(number)}>
              {say("auth_as_key", { name, number })}
            </option>
          ))}
          <option value="authority" selected={given.as === "authority"}>{say("auth_as_authority")}</option>
        </select>
      </Field>
      {given.as === "authority" && <Notice>{say("auth_as_authority_text")}</Notice>}
      {given.as === "new" && (
        <>
          <Field label={say("auth_name")} hint={say("auth_name_hint")}>
            <input value={given.name} required onInput={(event) => put({ name: event.currentTarget.value })} />
          </Field>
          <RolesField value={given.roles} onChange={(roles) => put({ roles })} />
          <Days from={given.from} until={given.until} put={put} />
        </>
      )}
    </>
  );
}

export function Days({ from, until, put }: { from: string; until: string; put: (days: { from?: string; until?: string }) => void }) {
  return (
    <div class="two">
      <Field label={say("auth_from")}>
        <input type="date" required value={from} onInput={(event) => put({ from: event.currentTarget.value })} />
      </Field>
      <Field label={say("auth_until")}>
        <input type="date" required value={until} onInput={(event) => put({ until: event.currentTarget.value })} />
      </Field>
    </div>
  );
}

/** What is wrong with what was typed, "" when nothing is. */
function faultOf(given: Given): string {
  if (given.as !== "new") return "";
  return personFault(given.name, given.roles, given.from, given.until);
}

export function personFault(name: string, roles: number, from: string, until: string): string {
  if (!fitsName(name)) return say("auth_name_hint");
  if (!roles) return say("auth_role_needed");
  if (!from || !until || until < from) return say("auth_dates_wrong");
  return "";
}

function taken(at: Desk, fields: RosterFields, one: Enrolment, given: Given): RosterFields {
  if (isListed(fields, one.publicKey)) return fields;
  if (given.as === "authority") return { ...fields, authority: [...fields.authority, one.publicKey] };
  const key = keyRow(one.publicKey);
  const known = fields.people.find((person) => String(person.number) === given.as);
  if (known) return withPerson(fields, { ...known, keys: [...known.keys, key] });
  return withPerson(fields, {
    number: freeNumber(at.trust, fields),
    name: given.name.trim(),
    roles: given.roles,
    from: secondsOf(given.from, false),
    until: secondsOf(given.until, true),
    keys: [key],
  });
}
