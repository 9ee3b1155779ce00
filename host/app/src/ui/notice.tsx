import type { ComponentChildren } from "preact";

/** Something to know; read out when it appears. `tone` has a word of its own in the text, never colour alone. */
export function Notice({ tone = "", children }: { tone?: "" | "good" | "bad"; children: ComponentChildren }) {
  return (
    <p class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      {children}
    </p>
  );
}
