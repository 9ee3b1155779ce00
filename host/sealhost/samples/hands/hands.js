// Shows the virtual box as it is, and lays hands on it.

const EVERY_MS = 400;
const SHUTTERS = { closed: "关 closed", open: "开 open", midway: "半开 midway" };
const bays = document.getElementById("bays");
const told = document.getElementById("told");

async function act(what) {
  const answer = await fetch(`do/${what}`, { method: "POST" });
  const { result, error } = await answer.json();
  told.textContent = error ?? (result === false ? "按不下去：舱门没开 Could not press: the shutter is closed" : "");
  await show();
}

function bayOf(number) {
  let bay = document.getElementById(`bay-${number}`);
  if (bay) return bay;
  bay = document.createElement("div");
  bay.id = `bay-${number}`;
  bay.className = "bay";
  bay.append(document.createElement("h2"));
  for (const [what, words] of [["press", "盖章 Press"], ["jam", "卡住 Jam"], ["unjam", "移开 Unjam"]]) {
    const button = document.createElement("button");
    button.textContent = words;
    button.dataset.do = `${what}/${number}`;
    bay.append(button);
  }
  bays.append(bay);
  return bay;
}

async function show() {
  const state = await (await fetch("state")).json();
  document.getElementById("display").textContent = state.powered ? state.display.join("\n") : "（没有电 no power）";
  state.bays.forEach((bay, at) => {
    const jammed = bay.jam ? " · 卡住 jammed" : "";
    const shutter = SHUTTERS[bay.shutter] ?? bay.shutter;
    bayOf(at + 1).querySelector("h2").textContent = `印舱 ${at + 1} · ${shutter}${jammed} · 已盖 ${bay.impressions}`;
  });
}

document.addEventListener("click", (event) => {
  const what = event.target.dataset?.do;
  if (what) act(what).catch((error) => { told.textContent = String(error); });
});

async function follow() {
  try {
    await show();
  } catch {
    told.textContent = "演示已结束 The demo has ended";
  }
  setTimeout(follow, EVERY_MS);
}
follow();
