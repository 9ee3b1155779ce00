import { useEffect, useRef, useState } from "preact/hooks";

import * as compose from "../../core/compose.ts";
import { followed, isOf, keepForm, type Form, type seal } from "../../core/form.ts";
import { placeKey, placesFor, type Matters } from "../../core/matters.ts";
import { Failure } from "../../core/failure.ts";
import type { Desk } from "../../desk.ts";
import { go } from "../../route.ts";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { fromHex } from "../../wire/bytes.ts";
import { Refusal } from "../../wire/errors.ts";
import { shortCode } from "../../wire/messages.ts";
import { say, sayError, sayOf, sayTime } from "../../words/words.ts";
import { signOnce } from "../../once.ts";

const SHOWN_SECONDS = 300; // what is signed must not be older: the minutes at the box run from then

interface Ready {
  prepared: compose.Prepared;
  place: compose.Place;
}

interface Props {
  at: Desk;
  form: Awaited<ReturnType<typeof seal>>;
  matters: Matters;
  back: () => void;
}

/** In plain words what will be signed, with the code that the box will show; one gesture signs it. */
export function Review({ at, form, matters, back }: Props) {
  const [ready, setReady] = useState<Ready | null>(null);
  const [problem, setProblem] = useState("");
  const [attempt, setAttempt] = useState(0);
  const [signing, setSigning] = useState(false);
  const busy = useRef(false);
  useEffect(() => {
    setReady(null);
    void (async () => {
      try {
        setReady(await prepare(at, form));
      } catch (error) {
        setProblem(sayError(error));
      }
    })();
  }, [at, attempt]);
  const again = (said: string): void => {
    setProblem(said);
    setAttempt(attempt + 1);
  };
  const sign = async ({ prepared }: Ready): Promise<void> => {
    if (busy.current) return;
    if (compose.now() > (prepared.fields.created as number) + SHOWN_SECONDS) return again(say("keeper_review_again"));
    busy.current = true;
    setSigning(true);
    try {
      const { digest, files } = form.sealed;
      const kept = await signOnce(at, (before) => isOf(before, at.trust.profile.site, digest), () => compose.request(at.trust, prepared, files));
      await keepForm(at.store, undefined);
      go("keeper", "request", kept.reference);
    } catch (error) {
      setProblem(sayError(error));
      busy.current = false;
      setSigning(false);
    }
  };
  return (
    <Page title={say("keeper_review_title")}>
      {problem && <Notice tone="bad">{problem}</Notice>}
      {!ready && !problem && <p class="soft">{say("keeper_preparing")}</p>}
      {ready && <WillSign at={at} form={form} matters={matters} {...ready} />}
      <div class="actions">
        <button type="button" disabled={signing} onClick={back}>
          {say("keeper_edit")}
        </button>
        {ready ? (
          <button type="button" class="main" disabled={signing} onClick={() => void sign(ready)}>
            {say("keeper_sign")}
          </button>
        ) : (
          <button type="button" disabled={!problem} onClick={() => again("")}>
            {say("retry")}
          </button>
        )}
      </div>
    </Page>
  );
}

async function prepare(at: Desk, form: Props["form"]): Promise<Ready> {
  const matter = form.matter ?? 0;
  await newestRoster(at);
  const places = await placesFor(at.trust, matter);
  const place = places.find((one) => placeKey(one) === form.place);
  if (!place) throw new Failure("matter_not_here", { matter, seal: "" });
  const anchor = await at.boxes.anchor(place.box, place.bay.number);
  const asked = {
    matter,
    impressions: form.impressions,
    details: fromHex(form.sealed.digest),
    attendMinutes: form.minutes,
    follows: followed(form),
  };
  return { prepared: await compose.prepareRequest(at.trust, place, asked, anchor), place };
}

/** A rule that has changed meanwhile would end the request; without the host the roster held does. */
async function newestRoster(at: Desk): Promise<void> {
  try {
    await at.api.refresh();
  } catch (error) {
    if (!(error instanceof Failure) && !(error instanceof Refusal)) throw error;
  }
}

function WillSign({ at, form, matters, prepared, place }: Ready & { at: Desk; form: Form; matters: Matters }) {
  const { fields, reference } = prepared;
  const rule = compose.ruleFor(at.trust, place.bay, fields.matter as number);
  const approvers = rule.groups.map(({ role, least }) => say("keeper_group", { count: least, role: sayRole(role) }));
  const rows: [string, string][] = [
    [say("seal"), `${place.bay.seal} · ${say("keeper_place", { box: shortCode(place.box), bay: place.bay.number })}`],
    [say("impressions"), String(fields.impressions)],
    [say("matter"), matters.get(fields.matter as number)?.wording ?? String(fields.matter)],
    [say("title"), form.title.trim()],
    [say("resident"), form.resident.trim() || "—"],
    [say("purpose"), form.purpose.trim() || "—"],
    [say("attachments"), form.attachments.map(({ name }) => name).join(say("keeper_comma")) || say("keeper_none")],
    [say("keeper_approvers"), approvers.join(say("keeper_and"))],
    [say("expires"), sayTime(fields.expires as number)],
    [say("keeper_attended"), form.minutes ? say("keeper_attended_until", { time: sayTime(fields.attended as number) }) : say("keeper_attend_not")],
  ];
  return (
    <>
      <p>{say("keeper_will_sign", { count: fields.impressions as number, seal: place.bay.seal })}</p>
      <section class="card">
        <dl>
          {rows.map(([name, text]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{text}</dd>
            </div>
          ))}
        </dl>
      </section>
      <section class="card code-card">
        <h2>{say("keeper_code")}</h2>
        <output class="code large">{shortCode(reference)}</output>
        <p class="soft small">{say("keeper_code_hint")}</p>
      </section>
    </>
  );
}

/** A role by its name, or by its number where the site made it up. */
export function sayRole(role: number): string {
  return role <= 5 ? sayOf("keeper_role", String(role)) : say("keeper_role_other", { role });
}
