import "./styles.css"; // first: each part's own styles come after it
import { render } from "preact";

import { readInvitation } from "./core/enrol.ts";
import { mayDecide, mayRaise } from "./core/matters.ts";
import { watchForUnforeseen } from "./core/unforeseen.ts";
import { begin, Desk, desk } from "./desk.ts";
import { keepFiles } from "./offline.ts";
import { route } from "./route.ts";
import { later } from "./ui/later.tsx";
import { Guard, Shell } from "./ui/shell.tsx";
import { has } from "./wire/roster.ts";
import { openAuthorityWords, openWords } from "./words/words.ts";

const AUDITOR = 3; // the role's number in the roster
const Auditor = later(async () => (await import("./pages/auditor/auditor.tsx")).Auditor);
const Settings = later(async () => (await import("./pages/settings.tsx")).Settings);
const Inbox = later(async () => (await import("./pages/officer/inbox.tsx")).Inbox);
const History = later(async () => (await import("./pages/officer/history.tsx")).History);
const Substitute = later(async () => (await import("./pages/officer/substitute.tsx")).Substitute);
const RequestPage = later(async () => (await import("./pages/request.tsx")).RequestPage);
const Keeper = later(async () => (await import("./pages/keeper/keeper.tsx")).Keeper);
// Enrolment is the authority's business too, and has its words.
const enrolment = async () => (await Promise.all([import("./pages/enrol.tsx"), openAuthorityWords()]))[0];
const authority = async () => (await Promise.all([import("./pages/authority/authority.tsx"), openAuthorityWords()]))[0];
const beginning = async () => (await Promise.all([import("./pages/authority/new.tsx"), openAuthorityWords()]))[0];
const Enrol = later(async () => (await enrolment()).Enrol);
const Enrolled = later(async () => (await enrolment()).Enrolled);
const Barred = later(async () => (await enrolment()).Barred);
const Authority = later(async () => (await authority()).Authority);
const NewAuthority = later(async () => (await beginning()).NewAuthority);
const Begun = later(async () => (await beginning()).Begun);
const Welcome = later(async () => {
  const [{ Welcome: page }] = await Promise.all([import("./pages/welcome.tsx"), openAuthorityWords()]);
  return page;
});

function App() {
  const at = desk.value;
  const [page, argument = ""] = route.value;
  const audits = page === "verify" || (page === "auditor" && at !== null);
  if (audits && !(at instanceof Desk && at.listed.value)) { // whoever has a bundle may look at it
    return <Auditor at={at instanceof Desk ? at : null} path={page === "verify" ? [page] : route.value.slice(1)} />;
  }
  if (at === null) return null;
  if (at === "nobody") {
    const invitation = page === "enrol" ? readInvitation(argument) : null;
    if (page === "authority" && argument === "new") return <NewAuthority />;
    return invitation ? <Enrol invitation={invitation} /> : <Welcome />;
  }
  if (!at.listed.value) return <Enrolled at={at} />;
  return (
    <Shell at={at}>
      <Inside at={at} />
    </Shell>
  );
}

/** The page that the address names, or the first one of this person's roles. */
function Inside({ at }: { at: Desk }) {
  const [page = "", ...path] = route.value;
  const [argument = ""] = path;
  if (at.barred.value && page !== "settings") return <Barred at={at} />;
  switch (page) {
    case "settings":
      return <Settings at={at} />;
    case "request":
      return <RequestPage key={argument} at={at} reference={argument} />;
    case "inbox":
      return <Inbox at={at} />;
    case "history":
      return <History at={at} />;
    case "substitute":
      return <Substitute at={at} />;
    case "keeper":
      return <Keeper at={at} path={path} />;
    case "auditor":
      return <Auditor at={at} path={path} />;
    case "verify":
      return <Auditor at={at} path={[page]} />;
    case "authority":
      if (!at.trust.isAuthority) break;
      return argument === "new" ? <Begun at={at} /> : <Authority at={at} path={path} />;
  }
  if (at.trust.isAuthority) return <Authority at={at} path={[]} />;
  if (mayRaise(at.trust)) return <Keeper at={at} path={[]} />;
  if (has(at.trust.me?.roles ?? 0, AUDITOR) && !mayDecide(at.trust)) return <Auditor at={at} path={[]} />;
  return <Inbox at={at} />;
}

const root = document.getElementById("app") as HTMLElement;
root.replaceChildren(); // what stands there for browsers that are too old for any of this
watchForUnforeseen();
await openWords();
render(
  <Guard>
    <App />
  </Guard>,
  root,
);
void begin();
void keepFiles();
