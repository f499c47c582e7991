"use strict";
// The page asks for itself again and takes over what has changed: no reload, and focus, selection, open
// details and what is being typed stay as they are. A tab that nobody sees asks nothing.

const language = document.documentElement.lang;
const patience = 10000;

// Times are told in the reader's own zone; without a script they stay in UTC.
function localise(root) {
  for (const one of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(one.dateTime);
    if (isNaN(moment)) continue;
    one.textContent = one.hasAttribute("data-short")
      ? moment.toLocaleTimeString(language, {hour: "2-digit", minute: "2-digit"})
      : moment.toLocaleString(language, {dateStyle: "medium", timeStyle: "medium"});
  }
}

// Makes `before` like `after`. Elements with an id are told apart by it, so that a row that moves up takes
// its buttons along and nobody presses another row's.
function morph(before, after) {
  if (before.nodeType === Node.TEXT_NODE) {
    if (before.data !== after.data) before.data = after.data;
    return;
  }
  if (before.nodeType !== Node.ELEMENT_NODE || before.isEqualNode(after)) return;
  for (const {name, value} of [...after.attributes]) {
    if (before.getAttribute(name) !== value) before.setAttribute(name, value);
  }
  for (const {name} of [...before.attributes]) {
    if (!after.hasAttribute(name) && !(name === "open" && before.localName === "details")) before.removeAttribute(name);
  }
  if (before.hasAttribute("data-keep")) return;
  const named = new Map([...before.children].filter((one) => one.id).map((one) => [one.id, one]));
  let place = before.firstChild;
  for (const wanted of [...after.childNodes]) {
    let own = null;
    if (wanted.id) own = named.get(wanted.id) ?? null;
    else if (place && !place.id && place.nodeType === wanted.nodeType && place.nodeName === wanted.nodeName) own = place;
    if (own && own.nodeName === wanted.nodeName) {
      if (own === place) place = place.nextSibling;
      else before.insertBefore(own, place);
      morph(own, wanted);
    } else {
      before.insertBefore(document.adoptNode(wanted), place);
    }
  }
  while (place) {
    const next = place.nextSibling;
    place.remove();
    place = next;
  }
}

let asking = false;

async function refresh() {
  if (asking || document.hidden || String(getSelection()) || document.querySelector("dialog[open]")) return;
  asking = true;
  try {
    const answer = await fetch(location.href, {headers: {Accept: "text/html"}, signal: AbortSignal.timeout(patience)});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    localise(page);
    if (document.querySelector("dialog[open]")) return;
    const focused = document.activeElement;
    for (const place of ["#brand", "#as-of", "#content", "link[rel=icon]"]) {
      const [before, after] = [document.querySelector(place), page.querySelector(place)];
      if (before && after) morph(before, after);
    }
    if (focused !== document.activeElement && focused?.isConnected) focused.focus({preventScroll: true});
    document.title = page.title;
    document.body.classList.remove("stale");
  } catch {
    document.body.classList.add("stale");
  } finally {
    asking = false;
  }
}

localise(document);
setInterval(refresh, 1000 * Number(document.body.dataset.refreshSeconds));
document.addEventListener("visibilitychange", refresh);

// Actions: asked for by a button, confirmed in a dialog, with a token that only this tab keeps.
const tokenPlace = "xmsyncd token";
const dialog = document.getElementById("ask");
const told = document.getElementById("told");

function tell(text) {
  told.textContent = text;
  clearTimeout(tell.timer);
  tell.timer = setTimeout(() => { told.textContent = ""; }, 8000);
}

let asked = 0;

// Resolves to whether to go ahead; leaves a token that was asked for in its place.
function confirmed(title, question, complaint) {
  const needsToken = !sessionStorage.getItem(tokenPlace);
  if (!question && !needsToken) return Promise.resolve(true);
  document.getElementById("ask-title").textContent = title;
  document.getElementById("ask-question").textContent = question;
  document.getElementById("ask-complaint").textContent = complaint;
  document.getElementById("ask-token").hidden = !needsToken;
  const field = document.getElementById("token");
  field.value = "";
  field.disabled = !needsToken;
  dialog.returnValue = "";
  dialog.showModal();
  (needsToken ? field : document.getElementById("ask-ok")).focus();
  const mine = ++asked;
  return new Promise((resolve) => {
    // A browser tells of a closing a moment later: by then the dialog may be open again, for another question.
    function closed() {
      if (mine === asked && dialog.open) return;
      dialog.removeEventListener("close", closed);
      if (mine !== asked) return resolve(false);
      const ahead = dialog.returnValue === "ok";
      if (ahead && needsToken) sessionStorage.setItem(tokenPlace, field.value);
      field.value = "";
      resolve(ahead && Boolean(sessionStorage.getItem(tokenPlace)));
    }
    dialog.addEventListener("close", closed);
  });
}

async function act(button) {
  const {operation, params, confirm = ""} = button.dataset;
  let complaint = "";
  while (await confirmed(button.textContent, complaint ? "" : confirm, complaint)) {
    button.setAttribute("aria-busy", "true");
    tell(told.dataset.busy);
    try {
      const answer = await fetch("api/act", {
        method: "POST",
        headers: {"Content-Type": "application/json", "Authorization": `Bearer ${sessionStorage.getItem(tokenPlace)}`},
        body: JSON.stringify({operation, params: JSON.parse(params)}),
        credentials: "omit",
      });
      const {message} = await answer.json();
      tell(message);
      if (answer.status !== 401) break;
      sessionStorage.removeItem(tokenPlace);
      complaint = message;
    } catch {
      tell(told.dataset.lost);
      break;
    } finally {
      button.removeAttribute("aria-busy");
    }
  }
  button.focus();
  await refresh();
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-operation]");
  if (button && !button.hasAttribute("aria-busy")) act(button);
});
dialog?.querySelector("button[value=cancel]").addEventListener("click", () => dialog.close("cancel"));
