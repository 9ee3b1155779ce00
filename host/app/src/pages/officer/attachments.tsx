import { useEffect, useState } from "preact/hooks";

import type { Details } from "../../core/compose.ts";
import { MAX_FILES, plainName, redraw } from "../../core/pictures.ts";
import type { Desk } from "../../desk.ts";
import { Icon } from "../../ui/icons.tsx";
import type { Bytes } from "../../wire/bytes.ts";
import { say, sayError } from "../../words/words.ts";
import "./officer.css";

type Shown = { kind: "picture" | "pdf"; url: string; name: string } | { kind: "fault"; words: string; name: string };

/** The files of a request, each held against its signed digest. A picture is drawn anew, a PDF is only to be saved. */
export function Attachments({ at, details }: { at: Desk; details: Details }) {
  const [shown, setShown] = useState<Shown[]>([]);
  const digests = details.attachments.slice(0, MAX_FILES);
  useEffect(() => {
    let over = false;
    const urls: string[] = [];
    void (async () => {
      for (const [number, digest] of digests.entries()) {
        const one = await open(at, digest, plainName(details.attachment_names[number] ?? "") || String(number + 1));
        if (one.kind !== "fault") urls.push(one.url);
        if (over) break;
        setShown((before) => [...before, one]);
      }
      if (over) urls.forEach((url) => URL.revokeObjectURL(url));
    })();
    return () => {
      over = true;
      setShown([]);
      urls.forEach((url) => URL.revokeObjectURL(url));
    };
  }, [at, digests.join()]);
  if (!digests.length) return null;
  return (
    <section class="card">
      <h2>{say("attachments")}</h2>
      <ul class="attachments">
        {shown.map((one, number) => (
          <li key={digests[number]}>
            <File one={one} />
          </li>
        ))}
      </ul>
      {shown.length < digests.length && <p class="soft">{say("loading")}</p>}
      {details.attachments.length > MAX_FILES && (
        <p class="warn">{say("officer_more_files", { count: details.attachments.length - MAX_FILES })}</p>
      )}
    </section>
  );
}

function File({ one }: { one: Shown }) {
  if (one.kind === "fault") {
    return (
      <div class="fault">
        <strong>{one.name}</strong>
        <span class="bad">{one.words}</span>
      </div>
    );
  }
  if (one.kind === "picture") {
    return (
      <a href={one.url} target="_blank" rel="noopener">
        <img src={one.url} alt={one.name} />
        <span>{one.name}</span>
      </a>
    );
  }
  return (
    <a href={one.url} download={one.name.toLowerCase().endsWith(".pdf") ? one.name : `${one.name}.pdf`}>
      <Icon name="file" />
      <span>{say("officer_save", { name: one.name })}</span>
    </a>
  );
}

async function open(at: Desk, digest: string, name: string): Promise<Shown> {
  try {
    const content = (await at.api.file(digest)) ?? new Uint8Array();
    if (!content.length) return { kind: "fault", words: say("officer_file_missing"), name };
    if (starts(content, "%PDF-")) {
      // Not as a PDF: the browser must not open in this page's origin what somebody else wrote.
      return { kind: "pdf", url: URL.createObjectURL(new Blob([content], { type: "application/octet-stream" })), name };
    }
    const drawn = await redraw(new Blob([content]));
    return { kind: "picture", url: URL.createObjectURL(new Blob([drawn], { type: "image/jpeg" })), name };
  } catch (error) {
    return { kind: "fault", words: sayError(error), name };
  }
}

function starts(content: Bytes, text: string): boolean {
  return new TextDecoder().decode(content.subarray(0, text.length)) === text;
}
