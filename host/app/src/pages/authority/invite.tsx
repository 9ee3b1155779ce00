import { useEffect, useState } from "preact/hooks";

import { forgetInvitation, invitations, invite, linkOf, type Invited } from "../../core/authority/invites.ts";
import type { Desk } from "../../desk.ts";
import { Notice } from "../../ui/notice.tsx";
import { Qr } from "../../ui/qr.tsx";
import { say, sayTime } from "../../words/words.ts";
import { AuthorityPage, Field, fitsName, Sure } from "./parts.tsx";

/** Makes one-time links, and shows those that are open. */
export function Invite({ at }: { at: Desk }) {
  const [name, setName] = useState("");
  const [shown, setShown] = useState<{ name: string; link: string } | null>(null);
  const [known, setKnown] = useState<Invited[]>([]);
  const look = async (): Promise<void> => setKnown(await invitations(at.store));
  useEffect(() => void look(), [at]);
  const make = async (): Promise<void> => {
    const link = await invite(at.store, at.trust, name.trim());
    setShown({ name: name.trim(), link });
    setName("");
    await look();
  };
  const forget = async (one: Invited): Promise<void> => {
    await forgetInvitation(at.store, one.token);
    setShown(null);
    await look();
  };
  return (
    <AuthorityPage at={at} title={say("auth_invite")}>
      {shown && <Link name={shown.name} link={shown.link} />}
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void make();
        }}
      >
        <Field label={say("auth_invite_for")} hint={say("auth_name_hint")}>
          <input value={name} required autocomplete="off" onInput={(event) => setName(event.currentTarget.value)} />
        </Field>
        <button class={shown ? "" : "main"} disabled={!fitsName(name)}>
          {say("auth_invite_make")}
        </button>
      </form>
      <p class="soft">{say("auth_invite_worth")}</p>
      {known.length > 0 && <h2>{say("auth_open_invitations")}</h2>}
      {known.map((one) => (
        <section key={one.token} class="card">
          <p>{one.key ? say("auth_invite_used", { name: one.name }) : say("auth_invite_made", { name: one.name, time: sayTime(one.made) })}</p>
          <div class="split">
            {!one.key && (
              <button type="button" onClick={() => setShown({ name: one.name, link: linkOf(at.trust, one) })}>
                {say("auth_show")}
              </button>
            )}
            <Sure label={say("auth_forget")} sure={one.name} onSure={() => void forget(one)} />
          </div>
        </section>
      ))}
    </AuthorityPage>
  );
}

function Link({ name, link }: { name: string; link: string }) {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    try {
      await navigator.clipboard.writeText(link);
      setCopied(true);
    } catch (error) {
      if (!(error instanceof DOMException)) throw error; // not allowed here: the text below can be selected
    }
  };
  return (
    <section class="card" aria-label={name}>
      <h2>{name}</h2>
      <p>{say("auth_invite_phone", { name })}</p>
      <Qr text={link} label={say("auth_qr")} />
      <Field label={say("auth_link")}>
        <textarea class="link" readonly rows={3} value={link} onFocus={(event) => event.currentTarget.select()} />
      </Field>
      <button type="button" onClick={() => void copy()}>
        {say("auth_copy")}
      </button>
      {copied && <Notice tone="good">{say("auth_copied")}</Notice>}
    </section>
  );
}
