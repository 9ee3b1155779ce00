import { sayOf } from "../words/words.ts";

const TONES: Record<string, string> = { approved: "good", granted: "good", open: "good", finished: "good", denied: "bad", failed: "bad" };

/** Where a request stands, in words and colour. */
export function State({ name }: { name: string }) {
  return <span class={`state ${TONES[name] ?? ""}`}>{sayOf("state", name)}</span>;
}
