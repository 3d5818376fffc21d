// Keeps the page true while somebody looks: asks for what changes, puts in only what differs, and lets ages grow.
// Focus, selection, scroll and what was folded open stay as they are. When the server is out of reach it says since when,
// and goes on asking; the ages stand still then, since nobody knows. Loaded beside the page; needs nothing else.
"use strict";

(() => {
  const EVERY = 2000; // milliseconds between two questions
  const LONGEST = 15000; // between two questions while there is no answer, or no session
  const PATIENCE = 8000; // for one answer
  const UNITS = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];

  const live = document.getElementById("live");
  const notice = document.getElementById("notice");
  const said = document.getElementById("said");
  const contact = { says: document.getElementById("contact-says"), at: document.getElementById("contact-at") };
  const root = document.documentElement;

  let answeredAt = Date.parse(live.dataset.now); // the server's time in its last answer
  let serverAhead = answeredAt - Date.now(); // milliseconds that its clock is ahead of ours
  let failures = 0;
  let failedWith = 0; // the status of an answer that was an error; 0 when there was none
  let timer = 0;
  let isAsking = false;

  root.classList.add("has-script", "is-live");
  contact.says.textContent = "Live at";

  const serverNow = () => (failures > 1 ? answeredAt : Date.now() + serverAhead);
  const clock = (moment) => new Date(moment).toISOString().slice(11, 19) + " UTC";

  // The same words as bridge/core/wording.py.
  function lasting(milliseconds) {
    const seconds = Math.max(0, Math.floor(milliseconds / 1000));
    const place = Math.max(0, UNITS.findIndex(([, size]) => seconds >= size));
    const [unit, size] = seconds ? UNITS[place] : UNITS[3];
    const smaller = UNITS[place + 1];
    const rest = seconds && smaller ? Math.floor((seconds % size) / smaller[1]) : 0;
    return `${Math.floor(seconds / size)} ${unit}` + (rest ? ` ${rest} ${smaller[0]}` : "");
  }

  const MOVES = {
    age: (since) => lasting(since),
    ago: (since) => (since < 0 ? `in ${lasting(-since)}` : `${lasting(since)} ago`),
    left: (since) => lasting(-since),
    due: (since) => (since < 0 ? `in ${lasting(-since)}` : "now"),
  };

  function tick() {
    const now = serverNow();
    for (const time of live.querySelectorAll("time[data-moves]")) {
      const text = MOVES[time.dataset.moves](now - Date.parse(time.dateTime));
      if (time.textContent !== text) put(time.firstChild, text);
    }
    for (const bar of live.querySelectorAll("progress[data-from]")) {
      bar.value = Math.min(bar.max, (now - Date.parse(bar.dataset.from)) / 1000);
    }
    if (failures > 1) tellLost();
    else contact.at.textContent = clock(now);
  }

  // Text that somebody has marked is left alone: changing it would take the mark away.
  function put(text, value) {
    const chosen = document.getSelection();
    const isMarked = chosen && !chosen.isCollapsed && (chosen.anchorNode === text || chosen.focusNode === text);
    if (!isMarked) text.data = value;
  }

  // Makes `old` like `fresh` with as few changes as possible; elements with an id are known by it.
  function renew(old, fresh) {
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open" && name !== "data-live") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (old.getAttribute(name) !== value && name !== "open") old.setAttribute(name, value);
    }
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const known = wanted.id ? [...old.children].find((child) => child.id === wanted.id) : null;
      if (known && known !== place) old.insertBefore(known, place);
      const here = known || place;
      if (here && isAlike(here, wanted)) {
        if (here.nodeType === Node.TEXT_NODE) {
          if (here.data !== wanted.data) put(here, wanted.data);
        } else renew(here, wanted);
        place = here.nextSibling;
      } else old.insertBefore(document.importNode(wanted, true), place);
    }
    while (place) {
      const next = place.nextSibling;
      place.remove();
      place = next;
    }
  }

  const isAlike = (one, other) => one.nodeName === other.nodeName && (one.id || "") === (other.id || "");

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").getElementById("live");
    if (!fresh) throw new Error("not a part of this page");
    const held = document.activeElement;
    const before = live.dataset.says;
    renew(live, fresh);
    document.title = live.dataset.title;
    if (live.dataset.says && live.dataset.says !== before) said.textContent = live.dataset.says;
    // What had the focus went to another list: it keeps the focus there.
    if (held && held !== document.body && !held.isConnected && held.href) {
      const same = [...live.querySelectorAll("a")].find((link) => link.href === held.href);
      if (same) same.focus({ preventScroll: true });
    }
  }

  function tellLost() {
    contact.says.textContent = "No contact since";
    contact.at.textContent = clock(answeredAt);
    root.classList.replace("is-live", "is-lost");
    const words = failedWith
      ? `The bridge cannot show how it stands since ${clock(answeredAt)} (${failedWith}); its log says why. `
      : `No contact with the bridge since ${clock(answeredAt)}. Is \`run\` still running? `;
    const more = "What you see is how it was then. This page goes on asking.";
    if (notice.textContent !== words + more) notice.textContent = words + more;
  }

  function tellFound() {
    failures = 0;
    notice.textContent = "";
    contact.says.textContent = "Live at";
    root.classList.replace("is-lost", "is-live");
  }

  async function ask() {
    clearTimeout(timer);
    if (isAsking || document.hidden) return;
    isAsking = true;
    const began = Date.now();
    let wait = EVERY;
    try {
      const answer = await fetch(live.dataset.live, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
      failedWith = answer.status < 500 ? 0 : answer.status;
      if (failedWith) throw new Error(String(failedWith));
      const html = await answer.text();
      tellFound();
      try {
        show(html);
      } catch (mistake) {
        reportError(mistake);
      }
      if (live.dataset.now) {
        answeredAt = Date.parse(live.dataset.now);
        serverAhead = answeredAt - Date.now();
      }
      // A page that takes long to make is asked for less often. Without a session it waits for a new one.
      wait = answer.ok ? Math.max(EVERY, 4 * (Date.now() - began)) : LONGEST;
    } catch (trouble) {
      if (trouble instanceof TypeError || trouble.name === "TimeoutError") failedWith = 0;
      failures += 1;
      wait = Math.min(LONGEST, 500 * 2 ** failures);
    }
    isAsking = false;
    tick();
    timer = setTimeout(ask, wait);
  }

  document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : ask()));
  window.addEventListener("online", ask);
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.previousElementSibling.textContent);
    said.textContent = "Copied.";
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });

  setInterval(tick, 1000);
  ask();
})();
