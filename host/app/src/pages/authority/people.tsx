import { useEffect, useState } from "preact/hooks";

import { withoutKey, withoutPerson, withPerson, type Draft } from "../../core/authority/draft.ts";
import { now } from "../../core/compose.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { equal } from "../../wire/bytes.ts";
import type { Person } from "../../wire/roster.ts";
import { say, sayDay } from "../../words/words.ts";
import { Days, personFault } from "./enrolments.tsx";
import { codesOf, roleNames, type Codes } from "./facts.ts";
import { AuthorityPage, dayOf, Field, RolesField, secondsOf, Sure } from "./parts.tsx";
import { change } from "./state.ts";

/** The codes of a draft's keys, once they are computed. */
export function useCodes(draft: Draft): Codes {
  const [codes, setCodes] = useState<{ code: Codes }>({ code: () => "…" });
  useEffect(() => void codesOf(draft.fields).then((code) => setCodes({ code })), [draft]);
  return codes.code;
}

export function People({ at, draft }: { at: Desk; draft: Draft }) {
  return (
    <AuthorityPage at={at} title={say("auth_people")}>
      {draft.fields.people.length === 0 && <p class="soft">{say("auth_no_people")}</p>}
      {draft.fields.people.map((person) => (
        <a key={person.number} class="card" href={`#/authority/person/${person.number}`}>
          <strong>{person.name}</strong> <span class="soft">#{person.number}</span> <Marks at={at} person={person} />
          <br />
          {roleNames(person.roles)}
          <br />
          <span class="soft">
            {sayDay(person.from)} – {sayDay(person.until)}
          </span>
          {!person.keys.length && <Notice>{say("auth_no_keys")}</Notice>}
        </a>
      ))}
      <p>
        <a class="button" href="#/authority/invite">
          {say("auth_invite")}
        </a>
      </p>
    </AuthorityPage>
  );
}

function Marks({ at, person }: { at: Desk; person: Person }) {
  const held = at.trust.version ? at.trust.roster.person(person.number) : undefined;
  const same = held && held.keys.length === person.keys.length && held.keys.every((key, index) => equal(key, person.keys[index] as Uint8Array));
  return (
    <>
      {!same && <span class="state">{say("auth_new_in_draft")}</span>}
      {person.until < now() && <span class="state bad">{say("auth_ended")}</span>}
      {person.from > now() && <span class="state">{say("auth_not_begun")}</span>}
    </>
  );
}

export function PersonPage({ at, draft, number }: { at: Desk; draft: Draft; number: number }) {
  const person = draft.fields.people.find((one) => one.number === number);
  const code = useCodes(draft);
  const [said, setSaid] = useState("");
  if (!person) {
    return (
      <AuthorityPage at={at} title={say("auth_people")} back="#/authority/people">
        <p class="soft">{say("auth_no_people")}</p>
      </AuthorityPage>
    );
  }
  const revoke = async (key: Uint8Array): Promise<void> => {
    await change(at, (fields) => withoutKey(fields, number, key));
    setSaid(say("auth_revoked", { name: person.name }));
  };
  const remove = async (): Promise<void> => {
    await change(at, (fields) => withoutPerson(fields, number));
    location.hash = "/authority/people";
  };
  return (
    <AuthorityPage at={at} title={person.name} back="#/authority/people">
      {said && <Notice tone="good">{said}</Notice>}
      <section class="card">
        <h2>{say("auth_keys")}</h2>
        {!person.keys.length && <p>{say("auth_no_keys")}</p>}
        {person.keys.map((key) => (
          <div key={code(key.subarray(1))} class="split">
            <span class="code">{code(key.subarray(1))}</span>
            <Sure label={say("auth_revoke")} sure="" onSure={() => void revoke(key)} />
          </div>
        ))}
      </section>
      <PersonForm at={at} person={person} tell={setSaid} />
      <p class="apart">
        <Sure label={say("auth_remove_person", { name: person.name })} sure="" onSure={() => void remove()} />
      </p>
    </AuthorityPage>
  );
}

function PersonForm({ at, person, tell }: { at: Desk; person: Person; tell: (said: string) => void }) {
  const [name, setName] = useState(person.name);
  const [roles, setRoles] = useState(person.roles);
  const [days, setDays] = useState({ from: dayOf(person.from), until: dayOf(person.until) });
  const [problem, setProblem] = useState("");
  const save = async (): Promise<void> => {
    const wrong = personFault(name, roles, days.from, days.until);
    setProblem(wrong);
    if (wrong) return;
    // A day that was not touched keeps its very second, which may be another zone's.
    const from = days.from === dayOf(person.from) ? person.from : secondsOf(days.from, false);
    const until = days.until === dayOf(person.until) ? person.until : secondsOf(days.until, true);
    await change(at, (fields) => {
      const latest = fields.people.find((one) => one.number === person.number) ?? person;
      return withPerson(fields, { ...latest, name: name.trim(), roles, from, until });
    });
    tell(say("auth_taken", { name: name.trim() }));
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <h2>{say("auth_edit")}</h2>
      <Field label={say("auth_name")} hint={say("auth_name_hint")}>
        <input value={name} required onInput={(event) => setName(event.currentTarget.value)} />
      </Field>
      <RolesField value={roles} onChange={setRoles} />
      <Days {...days} put={(changed) => setDays({ ...days, ...changed })} />
      {problem && <Notice tone="bad">{problem}</Notice>}
      <p class="apart">
        <button>{say("auth_save")}</button>
      </p>
    </form>
  );
}
