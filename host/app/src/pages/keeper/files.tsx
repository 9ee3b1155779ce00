import { useEffect, useRef, useState } from "preact/hooks";

import { Failure } from "../../core/failure.ts";
import { takeFile, type Attachment } from "../../core/pictures.ts";
import { Notice } from "../../ui/notice.tsx";
import { say, sayError } from "../../words/words.ts";

interface Props {
  legend: string;
  files: Attachment[];
  change: (files: Attachment[]) => void;
  most: number;
  /** Whether a PDF may be chosen too. */
  documents: boolean;
}

/** Takes photographs with the camera, and files; each picture is drawn anew before anything else happens to it. */
export function Files({ legend, files, change, most, documents }: Props) {
  const [problem, setProblem] = useState("");
  const [busy, setBusy] = useState(false);
  const take = async (input: HTMLInputElement): Promise<void> => {
    const chosen = [...(input.files ?? [])];
    input.value = ""; // the same file may be chosen again
    setProblem("");
    setBusy(true);
    const taken = [...files];
    try {
      for (const file of chosen) {
        if (taken.length >= most) throw new Failure("too_many_files", { most });
        if (!documents && !file.type.startsWith("image/")) throw new Failure("file_type", { name: file.name });
        taken.push(await takeFile(file, taken.length + 1));
      }
    } catch (error) {
      setProblem(sayError(error));
    } finally {
      setBusy(false);
      change(taken);
    }
  };
  return (
    <fieldset>
      <legend>{legend}</legend>
      {problem && <Notice tone="bad">{problem}</Notice>}
      <ul class="plain files">
        {files.map((file, at) => (
          <li key={file.content}>
            <Preview file={file} />
            <span class="grow">
              {file.name} <span class="soft small">{size(file)}</span>
            </span>
            <button type="button" onClick={() => change(files.toSpliced(at, 1))} aria-label={say("keeper_remove_file", { name: file.name })}>
              {say("keeper_remove")}
            </button>
          </li>
        ))}
      </ul>
      <div class="actions">
        <label class="button pick">
          {say("keeper_camera")}
          <input
            type="file"
            accept="image/*"
            capture="environment"
            disabled={busy || files.length >= most}
            onChange={(event) => void take(event.currentTarget)}
          />
        </label>
        <label class="button pick">
          {say(documents ? "keeper_choose_file" : "keeper_choose_picture")}
          <input
            type="file"
            multiple
            accept={documents ? "image/*,application/pdf" : "image/*"}
            disabled={busy || files.length >= most}
            onChange={(event) => void take(event.currentTarget)}
          />
        </label>
      </div>
      <p class="soft small" role="status">
        {busy ? say("keeper_drawing") : say(documents ? "keeper_files_hint" : "keeper_photographs_hint", { most })}
      </p>
    </fieldset>
  );
}

function Preview({ file }: { file: Attachment }) {
  const image = useRef<HTMLImageElement>(null);
  useEffect(() => {
    if (!image.current) return;
    const url = URL.createObjectURL(new Blob([file.content], { type: file.type }));
    image.current.src = url;
    return () => URL.revokeObjectURL(url);
  }, [file]);
  if (file.type === "application/pdf") return <span class="preview">PDF</span>;
  return <img ref={image} class="preview" alt="" />;
}

function size({ content }: Attachment): string {
  return content.length < 1024 * 1024 ? `${Math.ceil(content.length / 1024)} KB` : `${(content.length / 1024 / 1024).toFixed(1)} MB`;
}
