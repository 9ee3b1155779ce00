import { useState } from "preact/hooks";

import { findMatters, type Matter, type Matters } from "../../core/matters.ts";
import { say } from "../../words/words.ts";

const SHOWN_AT_ONCE = 8;

/** Looks a matter up by its words or code. Those abolished are found too, and say who is responsible now. */
export function ChooseMatter({ matters, choose }: { matters: Matters; choose: (matter: Matter) => void }) {
  const [text, setText] = useState("");
  const found = findMatters(matters, text);
  return (
    <section>
      <label>
        {say("keeper_matter")}
        <input
          type="search"
          value={text}
          placeholder={say("keeper_matter_search")}
          autocomplete="off"
          onInput={(event) => setText(event.currentTarget.value)}
          onKeyDown={(event) => event.key === "Enter" && event.preventDefault()}
        />
      </label>
      <p class="soft small" role="status">
        {found.length === 0 ? say("keeper_matter_none") : say("keeper_matter_found", { count: found.length })}
      </p>
      <ul class="plain results">
        {found.slice(0, SHOWN_AT_ONCE).map((matter) => (
          <li key={matter.code}>
            {matter.abolished ? (
              <Abolished matter={matter} />
            ) : (
              <button type="button" onClick={() => choose(matter)}>
                <MatterText matter={matter} />
              </button>
            )}
          </li>
        ))}
      </ul>
      {found.length > SHOWN_AT_ONCE && (
        <p class="soft small">{say("keeper_matter_more", { count: found.length - SHOWN_AT_ONCE })}</p>
      )}
    </section>
  );
}

/** A matter in its own words, and what it needs. */
export function MatterText({ matter }: { matter: Matter }) {
  return (
    <>
      <strong>{matter.wording}</strong>
      <span class="soft small">
        {String(matter.code)}
        {matter.seal && ` · ${matter.seal}`}
        {matter.attachments && ` · ${say("keeper_matter_needs", { what: matter.attachments })}`}
        {matter.resolution && ` · ${say("keeper_matter_resolution")}`}
      </span>
    </>
  );
}

function Abolished({ matter }: { matter: Matter }) {
  return (
    <div class="abolished">
      <span>
        <s>{matter.wording}</s> <span class="state">{say("keeper_matter_abolished")}</span>
      </span>
      <span class="soft small">
        {matter.responsible
          ? say("keeper_matter_responsible", { office: matter.responsible })
          : say("keeper_matter_responsible_unknown")}
      </span>
    </div>
  );
}
