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
