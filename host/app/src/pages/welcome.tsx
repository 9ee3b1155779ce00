import { Page } from "../ui/page.tsx";
import { say } from "../words/words.ts";

/** Nobody enrolled here yet. */
export function Welcome() {
  return (
    <Page title={say("welcome")}>
      <p>{say("welcome_text")}</p>
      <p class="soft">
        <a class="button" href="#/authority/new">
          {say("auth_welcome")}
        </a>
      </p>
      <p class="soft">
        <a class="button" href="#/verify">
          {say("welcome_verify")}
        </a>
      </p>
    </Page>
  );
}
