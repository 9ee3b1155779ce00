import { render } from "preact";

import { readInvitation } from "./core/enrol.ts";
import { begin, desk } from "./desk.ts";
import { Enrol, Enrolled } from "./pages/enrol.tsx";
import { Inbox } from "./pages/inbox.tsx";
import { RequestPage } from "./pages/request.tsx";
import { Welcome } from "./pages/welcome.tsx";
import { route } from "./route.ts";
import "./styles.css";

function App() {
  const at = desk.value;
  if (at === null) return null;
  const [page, argument = ""] = route.value;
  if (at === "nobody") {
    const invitation = page === "enrol" ? readInvitation(argument) : null;
    return invitation ? <Enrol invitation={invitation} /> : <Welcome />;
  }
  if (!at.listed.value) return <Enrolled at={at} />;
  if (page === "request") return <RequestPage key={argument} at={at} reference={argument} />;
  return <Inbox at={at} />;
}

render(<App />, document.getElementById("app") as HTMLElement);
void begin();
