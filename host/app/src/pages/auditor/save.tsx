import { useEffect, useState } from "preact/hooks";

import type { Desk } from "../../desk.ts";
import { dossier, openHost, work } from "./dossier.ts";
import { tell } from "./tell.ts";

/** Saves the file that is open, as it came; fetches the host's again. */
export function Save({ at }: { at: Desk | null }) {
  const open = dossier.value;
  const [url, setUrl] = useState("");
  useEffect(() => {
    if (!open) return;
    const made = URL.createObjectURL(open.file);
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [open]);
  if (!open) return null;
  return (
    <div class="row">
      {url && (
        <a class="button" href={url} download={open.fromHost ? `sealbox-${open.result.site}.zip` : open.name}>
          {tell("export")}
        </a>
      )}
      {open.fromHost && at && (
        <button type="button" disabled={work.value !== null} onClick={() => void openHost(at)}>
          {tell("refresh")}
        </button>
      )}
      <span class="soft">{tell("export_text")}</span>
    </div>
  );
}
