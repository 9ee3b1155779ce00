// The first step of all: the authority's key, made in this browser before any host or box knows of it.

import { useEffect, useState } from "preact/hooks";

import { makeAuthority } from "../../core/authority/begin.ts";
import { Store } from "../../core/store.ts";
import { begin, desk, type Desk } from "../../desk.ts";
import { BrowserHelp, useBrowserFault } from "../../ui/browser.tsx";
import { Notice } from "../../ui/notice.tsx";
import { Page } from "../../ui/page.tsx";
import { toHex } from "../../wire/bytes.ts";
import { siteCode } from "../../wire/messages.ts";
import { say, sayError } from "../../words/words.ts";
import { Field, fitsName } from "./parts.tsx";

export function NewAuthority() {
  const [name, setName] = useState("");
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const fault = useBrowserFault();
  const make = async (): Promise<void> => {
    setBusy(true);
    try {
      await makeAuthority(await Store.open(), name.trim());
      desk.value = null;
      location.hash = "/authority/new";
      void begin();
    } catch (error) {
      setProblem(sayError(error));
      setBusy(false);
    }
  };
  return (
    <Page title={say("auth_new_title")} back="#/">
      <p>{say("auth_new_text")}</p>
      {fault && <BrowserHelp fault={fault} />}
      {problem && <Notice tone="bad">{problem}</Notice>}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <Field label={say("auth_new_name")} hint={say("auth_name_hint")}>
          <input value={name} required onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <button class="main" disabled={busy || !!fault || !fitsName(name)}>
          {say("auth_new_button")}
        </button>
      </form>
    </Page>
  );
}

/** What the host is set up with: shown until the first roster is signed. */
export function Begun({ at }: { at: Desk }) {
  const { profile } = at.trust;
  const [code, setCode] = useState("");
  useEffect(() => void siteCode(profile.site, profile.authority, profile.threshold).then(setCode), [profile]);
  const name = profile.name.replaceAll("'", "");
  const command = `sealhost init --site-name '${name}' --site ${toHex(profile.site)} --authority ${toHex(profile.publicKey)}`;
  return (
    <Page title={say("auth_new_title")} back="#/authority">
      <p>{say("auth_new_next")}</p>
      <pre class="card wrap">{command}</pre>
      <dl class="card">
        <dt>{say("auth_new_public")}</dt>
        <dd class="code small">{toHex(profile.publicKey)}</dd>
        <dt>{say("auth_site_code")}</dt>
        <dd class="code">{code}</dd>
      </dl>
      <p class="soft">{say("auth_new_wait")}</p>
      <a class="button main" href="#/authority">
        {say("auth_new_go")}
      </a>
    </Page>
  );
}
