import type { Case } from "../core/cases.ts";
import { Failure } from "../core/failure.ts";
import type { Story } from "../core/story.ts";
import type { Desk } from "../desk.ts";
import { reasonsOf, wordingOf } from "../told.ts";
import { useLive } from "../ui/live.ts";
import { Notice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";
import { State } from "../ui/state.tsx";
import { MESSAGE } from "../wire/definitions.ts";
import { reasonName } from "../wire/errors.ts";
import { say, sayError, sayOf, sayTime } from "../words/words.ts";
import { Attachments } from "./officer/attachments.tsx";
import { Decide, OwnWord } from "./officer/decide.tsx";
import { Voices } from "./officer/voices.tsx";
import "./officer/officer.css";

interface View {
  one: Case;
  story: Story;
  wording: string;
  reasons: Map<string, string>;
  /** How the decisions signed here were answered: a reason's name, null while unanswered; oldest first. */
  results: Map<string, string | null>;
}

/** One request in full, and this person's decision on it. */
export function RequestPage({ at, reference }: { at: Desk; reference: string }) {
  const { value: view, problem } = useLive(at, () => look(at, reference), [reference, at.waiting.value]);
  return (
    <Page title={view?.one.details?.title || view?.one.code || say("loading")} back="#/inbox">
      {problem && <Notice tone="bad">{problem}</Notice>}
      {view && (
        <>
          <Misfit one={view.one} />
          <OwnWord at={at} one={view.one} results={view.results} />
          <Facts view={view} />
          {view.one.details && <Attachments at={at} details={view.one.details} />}
          <Voices at={at} one={view.one} reasons={view.reasons} />
          <Decide at={at} one={view.one} />
        </>
      )}
    </Page>
  );
}

async function look(at: Desk, reference: string): Promise<View> {
  const one = await found(at, reference);
  await at.cases.addDetails(one);
  const [story, wording, reasons] = await Promise.all([at.boxes.story(one.request), wordingOf(at, one), reasonsOf(at, one)]);
  const mine = (await at.store.signed()).filter(({ type, about }) => type === "decision" && about === reference);
  const results = new Map(mine.map((kept) => [kept.reference, kept.result === null ? null : reasonName(kept.result)]));
  return { one, story, wording, reasons, results };
}

/** As the host shows it; as the inbox brought it while the host cannot be asked. Throws Failure. */
async function found(at: Desk, reference: string): Promise<Case> {
  const raw = at.waiting.value.get(reference);
  try {
    const one = await at.cases.find(reference);
    if (one) return one;
  } catch (error) {
    if (!(error instanceof Failure) || !raw) throw error;
  }
  if (!raw) throw new Failure("request_missing");
  return at.cases.look(await at.trust.ofPerson(raw, [MESSAGE.request]), null);
}

/** Why nothing can be decided: the details are other ones than were signed, or cannot be had. */
function Misfit({ one }: { one: Case }) {
  if (!one.problem) return null;
  const tampered = one.problem === "wrong_digest" || one.problem === "details_unreadable";
  return <Notice tone="bad">{tampered ? say("details_tampered") : sayError(new Failure(one.problem))}</Notice>;
}

function Facts({ view: { one, story, wording } }: { view: View }) {
  const { fields } = one.request;
  const rows: [string, string][] = [
    [say("seal"), one.place?.bay.seal ?? "—"],
    [say("impressions"), String(fields.impressions)],
    [say("matter"), wording],
    [say("resident"), one.details?.resident || "—"],
    [say("purpose"), one.details?.purpose || "—"],
    [say("keeper"), one.raiser.name],
    [say("created"), sayTime(fields.created as number)],
    [say("expires"), sayTime(fields.expires as number)],
  ];
  if (story.history.opened) rows.push([say("officer_stamped"), say("officer_stamped_of", { pressed: story.pressed, asked: fields.impressions as number })]);
  const ended = !["waiting", "approved"].includes(one.state);
  return (
    <section class="card">
      <p class="split">
        <State name={one.host && !ended ? one.host.state : one.state} />
        <span class="code">{one.code}</span>
      </p>
      {ended && !["denied", "expired"].includes(one.state) && <Notice tone="bad">{say("officer_over", { reason: sayOf("reason", one.state) })}</Notice>}
      <dl>
        {rows.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{text}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
