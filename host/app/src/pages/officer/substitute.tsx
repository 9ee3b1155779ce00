import { useRef, useState } from "preact/hooks";

import * as compose from "../../core/compose.ts";
import type { Desk } from "../../desk.ts";
import { signOnce } from "../../once.ts";
import { useLive } from "../../ui/live.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { limits, MESSAGE } from "../../wire/definitions.ts";
import { reasonName } from "../../wire/errors.ts";
import { Message } from "../../wire/messages.ts";
import type { Person } from "../../wire/roster.ts";
import { say, sayDay, sayError, sayOf, sayTime } from "../../words/words.ts";

const DAY_S = 86_400;

/** Somebody decides in this officer's place for some days. */
export function Substitute({ at }: { at: Desk }) {
  const { value: given } = useLive(at, () => named(at), []);
  return (
    <Page title={say("officer_substitute")} back="#/settings">
      <p>{say("officer_substitute_text")}</p>
      <Name at={at} />
      <section class="card">
        <h2>{say("officer_substitutes")}</h2>
        {given?.length === 0 && <p class="soft">{say("officer_substitutes_none")}</p>}
        <ul class="plain lines">
          {given?.map((one) => (
            <li key={one.reference}>
              <strong>{one.name}</strong>
              <br />
              {sayTime(one.from)} – {sayTime(one.until)}
              <br />
              <span class="soft">{one.result === null ? say("sent") : one.result === "accepted" ? say("accepted") : say("refused", { reason: sayOf("reason", one.result) })}</span>
            </li>
          ))}
        </ul>
      </section>
    </Page>
  );
}

function Name({ at }: { at: Desk }) {
  const now = compose.now();
  const people = at.trust.roster.fields.people.filter(
    (one) => one.number !== at.trust.me?.number && one.keys.length > 0 && one.from <= now && now <= one.until,
  );
  const [person, setPerson] = useState<number | null>(null);
  const [from, setFrom] = useState(dayText(now));
  const [until, setUntil] = useState(dayText(now + 6 * DAY_S));
  const [asked, setAsked] = useState(false);
  const [problem, setProblem] = useState("");
  const signing = useRef(false);
  const [start, end] = [Math.max(firstSecond(from), from === dayText(now) ? now : 0), lastSecond(until)];
  const fits = person !== null && start <= end && end - start <= limits.SUBSTITUTE_SECONDS && end > now;
  const sign = async (): Promise<void> => {
    if (signing.current || !fits) return;
    signing.current = true;
    try {
      await signOnce(at, (kept) => isSame(at, kept, person, end), () => compose.substitute(at.trust, person, start, end));
      setAsked(false);
      setPerson(null);
    } catch (error) {
      setProblem(sayError(error));
    } finally {
      signing.current = false;
    }
  };
  const values = { name: people.find(({ number }) => number === person)?.name ?? "", from: sayDay(start), until: sayDay(end) };
  return (
    <form
      class="card"
      onSubmit={(event) => {
        event.preventDefault();
        if (asked) void sign();
        else setAsked(true);
      }}
    >
      {problem && <Notice tone="bad">{problem}</Notice>}
      {asked ? <p class="will">{say("officer_will_substitute", values)}</p> : <Who people={people} person={person} choose={setPerson} />}
      {!asked && (
        <div class="two">
          <label>
            {say("officer_from")}
            <input type="date" required value={from} min={dayText(now)} onInput={(event) => setFrom(event.currentTarget.value)} />
          </label>
          <label>
            {say("officer_until")}
            <input type="date" required value={until} min={from} onInput={(event) => setUntil(event.currentTarget.value)} />
          </label>
        </div>
      )}
      {person !== null && !fits && <p class="warn">{say("officer_substitute_days")}</p>}
      <div class="actions">
        {asked && (
          <button type="button" onClick={() => setAsked(false)}>
            {say("cancel")}
          </button>
        )}
        <button class="main" disabled={!fits}>
          {say(asked ? "officer_sign_substitute" : "officer_next")}
        </button>
      </div>
    </form>
  );
}

function Who({ people, person, choose }: { people: Person[]; person: number | null; choose: (number: number) => void }) {
  return (
    <label>
      {say("officer_who")}
      <select required value={person ?? ""} onChange={(event) => choose(Number(event.currentTarget.value))}>
        <option value="" disabled>
          {say("officer_choose")}
        </option>
        {people.map((one) => (
          <option key={one.number} value={one.number}>
            {one.name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface Given {
  reference: string;
  name: string;
  from: number;
  until: number;
  result: string | null;
}

/** Whom this person has named here, newest first. */
async function named(at: Desk): Promise<Given[]> {
  const found: Given[] = [];
  for (const kept of await at.store.signed()) {
    if (kept.type !== "substitute") continue;
    const { fields } = await Message.read(kept.raw, at.trust.profile.site, [MESSAGE.substitute]);
    const { person, from, until } = fields as { person: number; from: number; until: number };
    const result = kept.result === null ? null : reasonName(kept.result);
    found.push({ reference: kept.reference, name: at.trust.roster.person(person)?.name ?? String(person), from, until, result });
  }
  return found.reverse();
}

async function isSame(at: Desk, kept: { type: string; raw: Uint8Array }, person: number, until: number): Promise<boolean> {
  if (kept.type !== "substitute") return false;
  const { fields } = await Message.read(kept.raw, at.trust.profile.site, [MESSAGE.substitute]);
  return fields.person === person && fields.until === until;
}

/** A day as a date field has it, in the reader's zone. */
function dayText(seconds: number): string {
  const date = new Date(seconds * 1000);
  const two = (number: number): string => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function firstSecond(day: string): number {
  return Math.floor(new Date(`${day}T00:00:00`).getTime() / 1000);
}

function lastSecond(day: string): number {
  return Math.floor(new Date(`${day}T23:59:59`).getTime() / 1000);
}
