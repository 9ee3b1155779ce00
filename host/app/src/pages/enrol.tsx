import { useState } from "preact/hooks";

import { begin, desk, type Desk } from "../desk.ts";
import { enrol, type Invitation } from "../core/enrol.ts";
import { Store } from "../core/store.ts";
import { Notice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";
import { longCode } from "../wire/messages.ts";
import { say, sayError } from "../words/words.ts";

/** The first visit by a one-time link: makes the key. */
export function Enrol({ invitation }: { invitation: Invitation }) {
  const [name, setName] = useState(invitation.name);
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const make = async (): Promise<void> => {
    setBusy(true);
    try {
      await enrol(await Store.open(), invitation, name.trim());
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
      {problem && <Notice tone="bad">{problem}</Notice>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <label>
          {say("enrol_name")}
          <input value={name} maxLength={8} required autocomplete="name" onInput={(e) => setName(e.currentTarget.value)} />
        </label>
        <button class="main" disabled={busy || !name.trim()}>
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
      <p class="soft">{say("enrol_wait")}</p>
    </Page>
  );
}
