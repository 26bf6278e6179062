/** A phone that does what its address says: registers, calls, presses keys, and reports to where it came from. */
import "./jssip.js";

const { phone } = window;
const wish = Object.fromEntries(new URLSearchParams(location.search));
phone.register({ ...wish, hertz: 0 });
let called = false;
let pressed = false;
window.addEventListener("error", ({ message }) => phone.events.push(`error ${message}`));
window.addEventListener("unhandledrejection", ({ reason }) => phone.events.push(`error ${reason}`));
setInterval(async () => {
  if (!called && phone.events.includes("registered")) {
    called = true;
    // Firefox runs no AudioContext without a sound card; its own stand-in for a microphone says a tone.
    phone.callWith(wish.target, await navigator.mediaDevices.getUserMedia({ audio: true }));
  }
  const up = phone.events.includes("confirmed");
  if (up && !pressed && wish.keys !== "") {
    pressed = true;
    void phone.press(wish.keys);
  }
  const statistics = up ? await phone.statistics() : { received: 0, lost: 0, energy: 0 };
  await fetch("/", {
    method: "POST",
    body: JSON.stringify({ events: phone.events, statistics }),
  });
}, 100);
