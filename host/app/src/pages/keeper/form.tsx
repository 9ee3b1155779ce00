import { useEffect, useState } from "preact/hooks";

import { ruleFor, type Place } from "../../core/compose.ts";
import { emptyForm, keepForm, keptForm, seal, type Form } from "../../core/form.ts";
import { heldMatters, placeKey, placesFor, type Matter, type Matters } from "../../core/matters.ts";
import { MAX_FILES } from "../../core/pictures.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { shortCode } from "../../wire/messages.ts";
import { fromHex } from "../../wire/bytes.ts";
import { say, sayError } from "../../words/words.ts";
import { Files } from "./files.tsx";
import { findRequest } from "./find.ts";
import { ChooseMatter, MatterText } from "./matter.tsx";
import { Review } from "./review.tsx";

const MINUTES = [0, 15, 30, 60, 120];

/** A new request: filled in, looked over, signed. What is filled in survives a reload. */
export function NewRequest({ at, follows }: { at: Desk; follows: string | null }) {
  const [form, setForm] = useState<Form | null>(null);
  const [matters, setMatters] = useState<Matters | null>(null);
  const [reviewed, setReviewed] = useState<Awaited<ReturnType<typeof seal>> | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    void (async () => {
      try {
        setForm(await startForm(at, follows));
        setMatters(await heldMatters(at.trust, at.store, at.api));
      } catch (error) {
        setProblem(sayError(error));
      }
    })();
  }, [at, follows]);
  const change = (changes: Partial<Form>): void => {
    if (!form) return;
    const changed = { ...form, ...changes, sealed: null };
    setForm(changed);
    void keepForm(at.store, changed);
  };
  const review = async (): Promise<void> => {
    if (!form) return;
    setProblem("");
    try {
      const sealed = await seal(form);
      await keepForm(at.store, sealed);
      setForm(sealed);
      setReviewed(sealed);
      scrollTo(0, 0);
    } catch (error) {
      setProblem(sayError(error));
    }
  };
  if (reviewed && matters) return <Review at={at} form={reviewed} matters={matters} back={() => setReviewed(null)} />;
  return (
    <Page title={say("keeper_new")} back={follows ? `#/keeper/request/${follows}` : "#/keeper"}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {!matters && !problem && <p class="soft">{say("loading")}</p>}
      {form?.follows && <Notice>{say("keeper_follows", { code: shortCode(fromHex(form.follows)) })}</Notice>}
      {form && matters && <Fields at={at} form={form} matters={matters} change={change} done={() => void review()} />}
    </Page>
  );
}

/** What was being filled in; for more impressions of a request, a form like that one. */
async function startForm(at: Desk, follows: string | null): Promise<Form> {
  const kept = await keptForm(at.store);
  if (kept && kept.follows === follows) return kept;
  if (!follows) return emptyForm();
  const before = (await findRequest(at, follows)).one;
  await at.cases.addDetails(before);
  const { title = "", resident = "", purpose = "" } = before.details ?? {};
  const place = before.place ? placeKey(before.place) : "";
  return { ...emptyForm(), matter: before.request.fields.matter as number, place, title, resident, purpose, follows };
}

interface Parts {
  at: Desk;
  form: Form;
  matters: Matters;
  change: (changes: Partial<Form>) => void;
  done: () => void;
}

function Fields({ at, form, matters, change, done }: Parts) {
  const matter = form.matter === null ? undefined : matters.get(form.matter);
  const [places, setPlaces] = useState<Place[] | null>(null);
  useEffect(() => {
    if (matter) void placesFor(at.trust, matter.code).then((found) => setPlaces(matter.abolished ? [] : found));
  }, [at, matter]);
  const place = places?.find((one) => placeKey(one) === form.place) ?? (places?.length === 1 ? places[0] : undefined);
  const only = place && form.place !== placeKey(place) ? placeKey(place) : "";
  useEffect(() => {
    if (only) change({ place: only }); // there is but one seal for it: nothing to choose
  }, [only]);
  if (!matter) return <ChooseMatter matters={matters} choose={({ code }) => change({ matter: code, place: "" })} />;
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        done();
      }}
    >
      <ChosenMatter matter={matter} again={() => change({ matter: null, place: "" })} />
      {!matter.abolished && places?.length === 0 && <Notice tone="bad">{say("keeper_no_place")}</Notice>}
      {places && places.length > 0 && (
        <ChooseSeal places={places} chosen={place} choose={(one) => change({ place: placeKey(one) })} />
      )}
      {place && <Words form={form} most={ruleFor(at.trust, place.bay, matter.code).impressions} change={change} />}
      {place && (
        <>
          <Files
            legend={say("attachments")}
            files={form.attachments}
            change={(attachments) => change({ attachments })}
            most={MAX_FILES}
            documents
          />
          <button class="main wide">{say("keeper_review")}</button>
        </>
      )}
    </form>
  );
}

function ChosenMatter({ matter, again }: { matter: Matter; again: () => void }) {
  return (
    <section class="card chosen" aria-label={say("matter")}>
      <div class="grow">
        <MatterText matter={matter} />
      </div>
      <button type="button" onClick={again}>
        {say("keeper_change")}
      </button>
      {matter.abolished === 1 && <Notice tone="bad">{say("failure_matter_abolished")}</Notice>}
    </section>
  );
}

function ChooseSeal({ places, chosen, choose }: { places: Place[]; chosen: Place | undefined; choose: (one: Place) => void }) {
  return (
    <fieldset>
      <legend>{say("seal")}</legend>
      {places.map((one) => (
        <label class="choice" key={placeKey(one)}>
          <input type="radio" name="seal" required checked={one === chosen} onChange={() => choose(one)} />
          <span>
            {one.bay.seal} <span class="soft small">{say("keeper_place", { box: shortCode(one.box), bay: one.bay.number })}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

function Words({ form, most, change }: { form: Form; most: number; change: Parts["change"] }) {
  const text = (name: "title" | "resident" | "purpose", longest: number, required: boolean) => (
    <label>
      {say(name)}
      <input
        value={form[name]}
        maxLength={longest}
        required={required}
        autocomplete="off"
        onInput={(event) => change({ [name]: event.currentTarget.value })}
      />
    </label>
  );
  return (
    <>
      {text("title", 100, true)}
      {text("resident", 60, false)}
      {text("purpose", 200, false)}
      <Stepper label={say("keeper_impressions", { most })} value={form.impressions} low={1} high={most} change={(impressions) => change({ impressions })} />
      <label>
        {say("keeper_attend")}
        <select value={form.minutes} onChange={(event) => change({ minutes: Number(event.currentTarget.value) })}>
          {MINUTES.map((minutes) => (
            <option key={minutes} value={minutes}>
              {minutes ? say("keeper_attend_minutes", { minutes }) : say("keeper_attend_not")}
            </option>
          ))}
        </select>
        <span class="soft small">{say("keeper_attend_hint")}</span>
      </label>
    </>
  );
}

/** A number that can be typed, or changed by one with either thumb. */
export function Stepper({ label, value, low, high, change }: {
  label: string; value: number | null; low: number; high: number; change: (value: number) => void;
}) {
  const step = (by: number): void => change(Math.min(high, Math.max(low, (value ?? 0) + by)));
  return (
    <div class="stepper">
      <label>
        {label}
        <input
          type="number"
          inputMode="numeric"
          required
          min={low}
          max={high}
          step={1}
          value={value ?? ""}
          onInput={(event) => event.currentTarget.value && change(event.currentTarget.valueAsNumber)}
        />
      </label>
      <button type="button" aria-label={say("keeper_less")} disabled={value !== null && value <= low} onClick={() => step(-1)}>
        −
      </button>
      <button type="button" aria-label={say("keeper_one_more")} disabled={value !== null && value >= high} onClick={() => step(1)}>
        +
      </button>
    </div>
  );
}
