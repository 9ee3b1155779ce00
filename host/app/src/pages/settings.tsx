import { useState } from "preact/hooks";

import { now } from "../core/compose.ts";
import { mayDecide } from "../core/matters.ts";
import type { Kept } from "../core/store.ts";
import { online, type Desk } from "../desk.ts";
import { useLive } from "../ui/live.ts";
import { Notice } from "../ui/notice.tsx";
import { Page } from "../ui/page.tsx";
import { longCode } from "../wire/messages.ts";
import { has } from "../wire/roster.ts";
import { language, say, sayDay, sayOf, sayTime, switchLanguage } from "../words/words.ts";

const ROLES = [1, 2, 3, 4, 5];

/** Who one is here, what is still to be sent, the language, and how to leave this device. */
export function Settings({ at }: { at: Desk }) {
  const { value: unsent } = useLive(at, async () => at.postman.waiting, []);
  return (
    <Page title={say("nav_settings")}>
      <Who at={at} />
      {mayDecide(at.trust) && (
        <p>
          <a class="button wide" href="#/substitute">
            {say("settings_substitute")}
          </a>
        </p>
      )}
      <Unsent waiting={unsent ?? []} />
      <section class="card">
        <h2>{say("settings_language")}</h2>
        <div class="two">
          {(["zh", "en"] as const).map((one) => (
            <button
              key={one}
              type="button"
              lang={one === "zh" ? "zh-CN" : "en"}
              aria-pressed={language.value === one}
              onClick={() => language.value !== one && switchLanguage()}
            >
              {one === "zh" ? "中文" : "English"}
            </button>
          ))}
        </div>
        <p class="soft small">{say("settings_look")}</p>
      </section>
      <Install />
      <Forget at={at} unsent={unsent?.length ?? 0} />
    </Page>
  );
}

function Who({ at }: { at: Desk }) {
  const { me, profile, version, isAuthority } = at.trust;
  const roles = ROLES.filter((role) => has(me?.roles ?? 0, role)).map((role) => sayOf("keeper_role", String(role)));
  if (isAuthority) roles.push(say("settings_authority"));
  const rows: [string, string, string?][] = [
    [say("settings_name"), me?.name ?? profile.name],
    [say("settings_roles"), roles.join(say("keeper_comma")) || say("keeper_none")],
    [say("settings_key"), longCode(profile.kid), "code"],
    [say("settings_roster"), say("settings_version", { version })],
    [say("settings_server"), profile.hostUrl || location.origin],
    [say("settings_connection"), say(online.value ? "settings_connected" : "settings_offline")],
  ];
  if (me) rows.splice(2, 0, [say("settings_until"), sayDay(me.until)]);
  const ending = me !== null && me.until - now() < 30 * 86400;
  return (
    <section class="card">
      {ending && <Notice>{say("settings_ending", { day: sayDay(me.until) })}</Notice>}
      <dl>
        {rows.map(([name, text, kind]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={kind}>{text}</dd>
          </div>
        ))}
      </dl>
      <p class="soft small">{say("settings_key_hint")}</p>
    </section>
  );
}

/** What was signed and has no receipt. It is sent by itself; nothing is to be done but to stay online. */
function Unsent({ waiting }: { waiting: Kept[] }) {
  return (
    <section class="card">
      <h2>{say("settings_unsent")}</h2>
      {waiting.length === 0 && <p class="soft">{say("settings_all_sent")}</p>}
      {waiting.length > 0 && <p>{say("settings_unsent_text")}</p>}
      <ul class="plain lines">
        {waiting.map((kept) => (
          <li key={kept.reference} class="split">
            <span>{sayOf("message", kept.type)}</span>
            <span class="soft">{sayTime(kept.made)}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Install() {
  if (matchMedia("(display-mode: standalone)").matches) return null;
  return (
    <section class="card">
      <h2>{say("settings_install")}</h2>
      <p>{say("settings_install_text")}</p>
    </section>
  );
}

/** Leaving takes two steps: the key is gone for good, and only a new enrolment brings one back. */
function Forget({ at, unsent }: { at: Desk; unsent: number }) {
  const [asked, setAsked] = useState(false);
  const [sure, setSure] = useState(false);
  const forget = async (): Promise<void> => {
    await at.store.forget();
    location.hash = "#/";
    location.reload();
  };
  if (!asked) {
    return (
      <p>
        <button type="button" class="bad wide" onClick={() => setAsked(true)}>
          {say("settings_forget")}
        </button>
      </p>
    );
  }
  return (
    <section class="card">
      <h2>{say("settings_forget")}</h2>
      {unsent > 0 && <Notice tone="bad">{say("settings_forget_unsent", { count: unsent })}</Notice>}
      <p>{say("settings_forget_text")}</p>
      <label class="tick">
        <input type="checkbox" checked={sure} onChange={(event) => setSure(event.currentTarget.checked)} />
        <span>{say("settings_forget_sure")}</span>
      </label>
      <div class="actions">
        <button type="button" onClick={() => setAsked(false)}>
          {say("cancel")}
        </button>
        <button type="button" class="main" disabled={!sure} onClick={() => void forget()}>
          {say("settings_forget_now")}
        </button>
      </div>
    </section>
  );
}
