import type { Fact, Story } from "../../core/story.ts";
import { Notice } from "../../ui/notice.tsx";
import { say, sayOf, sayTime } from "../../words/words.ts";

/** What the box says happened, and of each thing whether its signature proves it. */
export function BoxStory({ story }: { story: Story }) {
  return (
    <section class="card">
      <h2>{say("keeper_box_story")}</h2>
      {story.unfit && <Notice tone="bad">{say("keeper_unfit")}</Notice>}
      <ol class="plain story">
        {story.facts.map((fact) => (
          <li key={fact.seq}>
            <span class="grow">
              {sayFact(fact)}
              <br />
              <span class="soft small">{sayTime(fact.time)}</span>
            </span>
            <span class={fact.proven ? "state good" : "state"}>{say(fact.proven ? "keeper_proven" : "keeper_unproven")}</span>
          </li>
        ))}
      </ol>
    </section>
  );
}

function sayFact({ kind, count, cause }: Fact): string {
  return say(`keeper_fact_${kind}`, { count, cause: sayOf("keeper_cause", cause) });
}
