import { useEffect, useState } from "preact/hooks";

import { withoutBytes, type Draft } from "../../core/authority/draft.ts";
import type { Desk } from "../../desk.ts";
import { equal, toHex } from "../../wire/bytes.ts";
import { limits } from "../../wire/definitions.ts";
import { siteCode } from "../../wire/messages.ts";
import { say } from "../../words/words.ts";
import { AuthorityPage, Field, KeyField, readKey, Sure } from "./parts.tsx";
import { useCodes } from "./people.tsx";
import { change } from "./state.ts";

/** Who passes messages, and who signs rosters. */
export function Hosts({ at, draft }: { at: Desk; draft: Draft }) {
  const code = useCodes(draft);
  const { hosts, authority, threshold } = draft.fields;
  return (
    <AuthorityPage at={at} title={say("auth_hosts")}>
      {hosts.length === 0 && <p class="soft">{say("auth_host_none")}</p>}
      {hosts.map((key) => (
        <div key={toHex(key)} class="card split">
          <span class="code">{code(key)}</span>
          <Sure
            label={say("auth_remove")} sure=""
            onSure={() => void change(at, (fields) => ({ ...fields, hosts: withoutBytes(fields.hosts, key) }))}
          />
        </div>
      ))}
      {hosts.length < limits.HOSTS && <AddHost at={at} />}
      <h2>{say("auth_authority_keys")}</h2>
      {authority.map((key) => (
        <div key={toHex(key)} class="card split">
          <span>
            <span class="code">{code(key)}</span> {equal(key, at.trust.profile.publicKey) && say("auth_this_browser")}
          </span>
          {authority.length > 1 && (
            <Sure
              label={say("auth_remove")} sure=""
              onSure={() =>
                void change(at, (fields) => {
                  const left = withoutBytes(fields.authority, key);
                  return { ...fields, authority: left, threshold: Math.min(fields.threshold, left.length) };
                })
              }
            />
          )}
        </div>
      ))}
      <Field label={say("auth_threshold")}>
        <select
          value={threshold}
          onChange={(event) => {
            const wanted = Number(event.currentTarget.value);
            void change(at, (fields) => ({ ...fields, threshold: wanted }));
          }}
        >
          {authority.map((_, index) => (
            <option key={index} value={index + 1} selected={index + 1 === threshold}>
              {index + 1}
            </option>
          ))}
        </select>
      </Field>
      <p class="soft">{say("auth_authority_more")}</p>
      <SiteFacts at={at} />
    </AuthorityPage>
  );
}

function AddHost({ at }: { at: Desk }) {
  const [text, setText] = useState("");
  const key = readKey(text);
  const add = async (): Promise<void> => {
    if (!key) return;
    await change(at, (fields) => ({ ...fields, hosts: [...withoutBytes(fields.hosts, key), key] }));
    setText("");
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void add();
      }}
    >
      <KeyField label={say("auth_host_key")} value={text} onChange={setText} />
      <button disabled={!key}>{say("auth_host_add")}</button>
    </form>
  );
}

/** What boxes and people compare when they first meet the site. */
export function SiteFacts({ at }: { at: Desk }) {
  const [code, setCode] = useState("");
  const { profile } = at.trust;
  const { authority, threshold } = at.trust.version ? at.trust.roster.fields : profile;
  useEffect(() => void siteCode(profile.site, authority, threshold).then(setCode), [at, authority, threshold]);
  return (
    <section class="card">
      <h2>{say("auth_site")}</h2>
      <p class="code small">{toHex(profile.site)}</p>
      <p class="soft">{say("auth_site_code")}</p>
      <p class="code">{code}</p>
      <p class="soft">{say("auth_new_public")}</p>
      <p class="code small">{toHex(profile.publicKey)}</p>
    </section>
  );
}

