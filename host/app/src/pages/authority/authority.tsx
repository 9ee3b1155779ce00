// The authority's pages, by the part of the address after #/authority.

import { useEffect } from "preact/hooks";

import { news, whenever, type Desk } from "../../desk.ts";
import { Boxes } from "./boxes.tsx";
import { Enrolments } from "./enrolments.tsx";
import { Home } from "./home.tsx";
import { Hosts } from "./hosts.tsx";
import { Invite } from "./invite.tsx";
import { MatterList } from "./matters.tsx";
import { People, PersonPage } from "./people.tsx";
import { RulePage, Rules } from "./rules.tsx";
import { Countersign, RosterWords, SignDraft } from "./sign.tsx";
import { draft, openDraft } from "./state.ts";

export function Authority({ at, path }: { at: Desk; path: string[] }) {
  useEffect(() => whenever(() => void openDraft(at)), [at]);
  void news.value;
  const one = draft.value;
  if (!one) return null;
  const [page, argument = ""] = path;
  switch (page) {
    case "enrolments":
      return <Enrolments at={at} draft={one} />;
    case "invite":
      return <Invite at={at} />;
    case "people":
      return <People at={at} draft={one} />;
    case "person":
      return <PersonPage key={argument} at={at} draft={one} number={Number(argument)} />;
    case "boxes":
      return <Boxes at={at} draft={one} />;
    case "rules":
      return <Rules at={at} draft={one} />;
    case "rule":
      return <RulePage key={argument} at={at} draft={one} number={Number(argument)} />;
    case "matters":
      return <MatterList at={at} draft={one} />;
    case "hosts":
      return <Hosts at={at} draft={one} />;
    case "roster":
      return <RosterWords at={at} />;
    case "sign":
      return <SignDraft at={at} draft={one} />;
    case "countersign":
      return <Countersign key={argument} at={at} id={argument} />;
    default:
      return <Home at={at} draft={one} />;
  }
}
