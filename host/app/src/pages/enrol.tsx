import { useEffect, useState } from "preact/hooks";

import { enrol, type Invitation } from "../core/enrol.ts";
import { Failure } from "../core/failure.ts";
import { Store } from "../core/store.ts";
import { begin, desk, type Desk } from "../desk.ts";
import { BrowserHelp, useBrowserFault } from "../ui/browser.tsx";
import { Notice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";
import { utf8 } from "../wire/bytes.ts";
import { limits } from "../wire/definitions.ts";
import { longCode } from "../wire/messages.ts";
import { say, sayError } from "../words/words.ts";

const AGAIN_MS = 10_000; // between two tries to bring the enrolment to the host

/** The first visit by a one-time link: makes the key. */
export function Enrol({ invitation }: { invitation: Invitation }) {
  const [name, setName] = useState(invitation.name);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const fault = useBrowserFault();
  const fits = name.trim() !== "" && utf8(name.trim()).length <= limits.NAME;
  const make = async (): Promise<void> => {
    setBusy(true);
    try {
      await enrol(await Store.open(), invitation, name.trim());
      void navigator.storage?.persist?.(); // a wish: the browser should not clear the key away
      desk.value = null;
      void begin();
    } catch (error) {
      setProblem(sayError(error));
      setBusy(false);
    }
  };
  return (
    <Page title={say("enrol_title")}>
      <p>{say("enrol_text")}</p>
      {fault && <BrowserHelp fault={fault} />}
      {problem && <Notice tone="bad">{problem}</Notice>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <label>
          {say("enrol_name")}
          <input value={name} required autocomplete="name" onInput={(e) => setName(e.currentTarget.value)} />
          <span class="soft small">{say("auth_name_hint")}</span>
        </label>
        <button class="main" disabled={busy || !!fault || !fits}>
          {say("enrol_make")}
        </button>
      </form>
    </Page>
  );
}

/** The key is made; the authority compares its code and signs a roster that lists it. */
export function Enrolled({ at }: { at: Desk }) {
  return (
    <Page title={say("enrol_title")}>
      <p>{say("enrol_code")}</p>
      <output class="code large">{longCode(at.trust.profile.kid)}</output>
      <h2>{say("enrol_how")}</h2>
      <ol>
        <li>{useSent(at)}</li>
        <li>{say("enrol_step_2")}</li>
        <li>{say("enrol_step_3")}</li>
      </ol>
      {/iPhone|iPad/.test(navigator.userAgent) && <Notice>{say("enrol_install")}</Notice>}
    </Page>
  );
}

/** Hands the enrolment to the host until it has it; in words, how that stands. */
function useSent(at: Desk): string {
  const [sent, setSent] = useState(false);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    const raw = at.trust.profile.enrolment;
    if (!raw) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const go = async (): Promise<void> => {
      try {
        await at.api.enrol(raw);
        setSent(true);
      } catch (error) {
        if (!(error instanceof Failure)) throw error;
        setProblem(sayError(error));
        timer = setTimeout(() => void go(), AGAIN_MS);
      }
    };
    void go();
    return () => clearTimeout(timer);
  }, [at]);
  if (sent) return say("enrol_step_1");
  return problem ? say("enrol_step_1_failed", { problem }) : say("enrol_step_1_waiting");
}

/** The host takes this key no more: revoked, removed or over. Its word only, and it may change. */
export function Barred({ at }: { at: Desk }) {
  return (
    <Page title={say("barred_title")}>
      <Notice tone="bad">{say("barred_text")}</Notice>
      <output class="code large">{longCode(at.trust.profile.kid)}</output>
      <p>{say("barred_next")}</p>
    </Page>
  );
}
