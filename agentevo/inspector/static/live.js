"use strict";
// A page is fetched anew now and then, often while its run is going on, and its content put in place,
// unless somebody is reading with the keyboard or writing in it.
const EVERY_MS = 5000;
const AT_REST_MS = 30000;

async function renew() {
  const main = document.getElementById("main");
  const written = [...main.querySelectorAll("input, textarea")]
    .some((one) => one.value !== one.defaultValue);
  const busy = written || main.contains(document.activeElement) || String(document.getSelection());
  if (!document.hidden && !busy) {
    try {
      const answer = await fetch(location.href, { cache: "no-store" });
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.getElementById("main");
        if (fresh && fresh.innerHTML !== main.innerHTML) {
          main.replaceChildren(...fresh.childNodes);
        }
        main.dataset.live = fresh.dataset.live;
      }
    } catch (error) {
      console.info("the inspector does not answer", error);
    }
  }
  plan();
}

function plan() {
  const live = document.getElementById("main").dataset.live === "yes";
  setTimeout(renew, live ? EVERY_MS : AT_REST_MS);
}

plan();
