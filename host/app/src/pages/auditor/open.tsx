import { useRef, useState } from "preact/hooks";

import type { Trust } from "../../audit/rosters.ts";
import type { Desk } from "../../desk.ts";
import { go } from "../../route.ts";
import { Notice } from "../../ui/notice.tsx";
import { fromHex, toHex } from "../../wire/bytes.ts";
import { limits } from "../../wire/definitions.ts";
import { strictKey } from "../../wire/strict.ts";
import { openFile, openHost, work } from "./dossier.ts";
import { AuditPage } from "./parts.tsx";
import { tell } from "./tell.ts";

/** Opens a history: a file that is dropped or chosen, or the host's. */
export function OpenPage({ at }: { at: Desk | null }) {
  const own = at?.trust.profile ?? null;
  const [keys, setKeys] = useState(own ? own.authority.map(toHex).join("\n") : "");
  const [threshold, setThreshold] = useState(String(own?.threshold ?? 1));
  const [wrong, setWrong] = useState<(() => string) | null>(null);
  const [over, setOver] = useState(false);
  const chooser = useRef<HTMLInputElement>(null);
  const open = async (file: File | undefined): Promise<void> => {
    if (!file || work.value) return;
    const trust = readTrust(keys, Number(threshold));
    setWrong(() => (typeof trust === "function" ? trust : null));
    if (typeof trust === "function") return;
    if (await openFile(file, file.name, trust)) go("auditor", "checks");
    else if (chooser.current) chooser.current.value = ""; // the same file may be chosen again
  };
  return (
    <AuditPage title={tell("verify")} tab="open" back={at ? "#/auditor/ledger" : "#/"}>
      {at?.listed.value && (
        <section class="card">
          <p>{tell("from_host_text")}</p>
          <button type="button" disabled={work.value !== null} onClick={() => void openHost(at).then((done) => done && go("auditor", "ledger"))}>
            {tell("from_host")}
          </button>
        </section>
      )}
      <section class="card">
        <p>{tell("verify_text")}</p>
        <label>
          {tell("keys")}
          <textarea
            rows={3} spellcheck={false} autocomplete="off" value={keys} aria-describedby="keys-hint"
            onInput={(event) => setKeys(event.currentTarget.value)}
          />
        </label>
        <p class="soft" id="keys-hint">{tell("keys_hint")} {own && tell("keys_own")}</p>
        <label>
          {tell("threshold")}
          <input
            type="number" inputMode="numeric" min={1} max={limits.AUTHORITY_KEYS} value={threshold}
            onInput={(event) => setThreshold(event.currentTarget.value)}
          />
        </label>
        {wrong && <Notice tone="bad">{wrong()}</Notice>}
        <div
          class={`drop ${over ? "over" : ""}`}
          onDragOver={(event) => {
            event.preventDefault();
            setOver(true);
          }}
          onDragLeave={() => setOver(false)}
          onDrop={(event) => {
            event.preventDefault();
            setOver(false);
            void open(event.dataTransfer?.files[0]);
          }}
        >
          <span aria-hidden="true">{tell("drop")}</span>
          <label class="button">
            {tell("choose")}
            <input
              ref={chooser} type="file" accept=".zip,application/zip" disabled={work.value !== null}
              onChange={(event) => void open(event.currentTarget.files?.[0])}
            />
          </label>
        </div>
      </section>
    </AuditPage>
  );
}

/** The keys that were entered, or what is wrong with them. */
function readTrust(text: string, threshold: number): Trust | (() => string) {
  const lines = text.split(/[\s,;]+/).filter(Boolean);
  if (!lines.length) return () => tell("keys_missing");
  const bad = lines.findIndex((line) => !/^[0-9a-fA-F]{64}$/.test(line) || !strictKey(fromHex(line)));
  if (bad >= 0) return () => tell("keys_bad", { line: bad + 1 });
  const authority = [...new Set(lines.map((line) => line.toLowerCase()))].map(fromHex);
  if (!(threshold >= 1 && threshold <= authority.length)) return () => tell("threshold_bad", { most: authority.length });
  return { authority, threshold };
}
