import { render } from "preact";

import { readInvitation } from "./core/enrol.ts";
import { mayRaise } from "./core/matters.ts";
import { begin, desk } from "./desk.ts";
import { Enrol, Enrolled } from "./pages/enrol.tsx";
import { Inbox } from "./pages/inbox.tsx";
import { Keeper } from "./pages/keeper/keeper.tsx";
import { RequestPage } from "./pages/request.tsx";
import { Welcome } from "./pages/welcome.tsx";
import { route } from "./route.ts";
import { later } from "./ui/later.tsx";
import "./styles.css";

const Authority = later(async () => (await import("./pages/authority/authority.tsx")).Authority);
const NewAuthority = later(async () => (await import("./pages/authority/new.tsx")).NewAuthority);
const Begun = later(async () => (await import("./pages/authority/new.tsx")).Begun);

function App() {
  const at = desk.value;
  if (at === null) return null;
  const [page, argument = ""] = route.value;
  if (at === "nobody") {
    const invitation = page === "enrol" ? readInvitation(argument) : null;
    if (page === "authority" && argument === "new") return <NewAuthority />;
    return invitation ? <Enrol invitation={invitation} /> : <Welcome />;
  }
  if (!at.listed.value) return <Enrolled at={at} />;
  if (at.trust.isAuthority && page === "authority" && argument === "new") return <Begun at={at} />;
  if (at.trust.isAuthority) return <Authority at={at} path={page === "authority" ? route.value.slice(1) : []} />;
  if (page === "request") return <RequestPage key={argument} at={at} reference={argument} />;
  if (page === "keeper" || (["", "enrol"].includes(page ?? "") && mayRaise(at.trust))) return <Keeper at={at} path={route.value.slice(1)} />;
  return <Inbox at={at} />;
}

render(<App />, document.getElementById("app") as HTMLElement);
void begin();
