/** A call as both elements show it: who, how long, how loud, how good, and what can be done with it. */
import { shownUri } from "./address.ts";
import { type PhoneCall, transferred } from "./call.ts";
import { button, field, h, say } from "./dom.ts";
import { Meter } from "./meter.ts";
import type { Phone } from "./phone.ts";

export class CallView {
  readonly element: HTMLElement;
  readonly #phone: Phone;
  readonly #who = h("strong", { class: "who", part: "who" });
  readonly #state = h("span", { class: "state", role: "status" });
  readonly #clock = h("span", { class: "clock" });
  readonly #quality = h("p", { class: "quality" });
  readonly #mine = h("meter", { min: "0", max: "1", "aria-label": "Your voice" });
  readonly #theirs = h("meter", { min: "0", max: "1", "aria-label": "Their voice" });
  readonly #meters: HTMLElement;
  readonly #actions = h("div", { class: "actions" });
  readonly #buttons: Readonly<Record<"answer" | "mute" | "hold" | "transfer" | "end", HTMLButtonElement>>;
  readonly #target = h("input", { autocomplete: "off", autocapitalize: "none", spellcheck: "false", name: "target" });
  readonly #transfer: HTMLFormElement;
  readonly #meter = { mine: new Meter(this.#mine), theirs: new Meter(this.#theirs) };
  #shown: PhoneCall | undefined;
  #metered: MediaStream | undefined;
  #heard = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(phone: Phone, options: { transfer: boolean }) {
    this.#phone = phone;
    const toggleMute = () => phone.call?.mute(!phone.call.muted);
    const toggleHold = () => phone.call?.hold(!phone.call.held);
    this.#buttons = {
      answer: button("Answer", () => void phone.answer(), { class: "go" }),
      mute: button("Mute", toggleMute, { "aria-pressed": "false" }),
      hold: button("Hold", toggleHold, { "aria-pressed": "false" }),
      transfer: button("Transfer", () => this.#openTransfer(), { "aria-expanded": "false" }),
      end: button("Hang up", () => phone.hangUp(), { class: "stop" }),
    };
    const { answer, mute, hold, transfer, end } = this.#buttons;
    this.#transfer = h(
      "form",
      { class: "row", hidden: true },
      field("Transfer to", this.#target),
      h("button", { type: "submit" }, "Send there"),
    );
    this.#transfer.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.#meters = h(
      "div",
      { class: "meters" },
      h("div", {}, h("span", { "aria-hidden": "true" }, "You"), this.#mine),
      h("div", {}, h("span", { "aria-hidden": "true" }, "They"), this.#theirs),
    );
    this.#actions.append(answer, mute, hold, ...(options.transfer ? [transfer] : []), end);
    this.element = h(
      "section",
      { class: "call", part: "call", "aria-label": "Call", hidden: true },
      h("div", { class: "head" }, this.#who, this.#clock),
      this.#state,
      this.#meters,
      this.#quality,
      this.#actions,
      this.#transfer,
    );
  }

  /** Brings what is shown up to date. */
  update(): void {
    const { call } = this.#phone;
    this.element.hidden = call === undefined;
    if (call === undefined) return;
    if (call !== this.#shown) {
      this.#shown = call;
      this.#transfer.hidden = true;
      say(this.#quality, "");
    }
    const { domain } = this.#phone.settings;
    say(this.#who, call.name === "" ? shownUri(call.uri, domain) : call.name);
    say(this.#state, stateText(call));
    const { answer, mute, hold, transfer, end } = this.#buttons;
    answer.hidden = call.state !== "incoming";
    for (const one of [mute, hold, transfer]) one.hidden = call.state !== "up";
    mute.setAttribute("aria-pressed", String(call.muted));
    hold.setAttribute("aria-pressed", String(call.held));
    this.#actions.hidden = call.state === "ended";
    say(end, call.state === "incoming" ? "Decline" : call.state === "up" ? "Hang up" : "Cancel");
    const live = call.state === "up" || call.state === "ringing";
    this.#meters.hidden = !live;
    this.#listen(call, live);
    this.#tick();
    this.#quality.hidden = this.#quality.textContent === "";
    if (call.state === "ended") this.#transfer.hidden = true;
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#meter.mine.stop();
    this.#meter.theirs.stop();
  }

  #listen(call: PhoneCall, live: boolean): void {
    if (!live) {
      this.stop();
      this.#metered = undefined;
      this.#heard = false;
      return;
    }
    this.#timer ??= setInterval(() => this.#tick(), 1000);
    if (call.ownVoice !== undefined && call.ownVoice !== this.#metered) {
      this.#metered = call.ownVoice;
      this.#meter.mine.follow(call.ownVoice);
    }
    if (!this.#heard && call.remote.getAudioTracks().length > 0) {
      this.#heard = true;
      this.#meter.theirs.follow(call.remote);
    }
  }

  #tick(): void {
    const call = this.#shown;
    const seconds = call?.since === undefined ? undefined : Math.floor((Date.now() - call.since) / 1000);
    if (call?.state !== "ended")
      say(
        this.#clock,
        seconds === undefined ? "" : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`,
      );
    if (call === undefined || call.state !== "up") return;
    void call
      .quality()
      .then((quality) => {
        if (quality === undefined || call !== this.#shown) return;
        const { words, lost, jitter, roundTrip, codec } = quality;
        const parts = [
          `Sound: ${words}`,
          ...(codec === undefined ? [] : [codec]),
          `${(100 * lost).toFixed(lost > 0 && lost < 0.1 ? 1 : 0)} % lost`,
          `jitter ${Math.round(jitter)} ms`,
          ...(roundTrip === undefined ? [] : [`round trip ${Math.round(roundTrip)} ms`]),
        ];
        say(this.#quality, parts.join(" · "));
        this.#quality.hidden = false;
        this.#quality.dataset.words = words;
      })
      .catch(() => {});
  }

  #openTransfer(): void {
    this.#transfer.hidden = !this.#transfer.hidden;
    this.#buttons.transfer.setAttribute("aria-expanded", String(!this.#transfer.hidden));
    if (!this.#transfer.hidden) this.#target.focus();
  }

  #send(): void {
    this.#phone.transfer(this.#target.value);
    this.#transfer.hidden = true;
    this.#target.value = "";
  }
}

function stateText(call: PhoneCall): string {
  if (call.state === "ended" && call.transfer === transferred) return transferred;
  if (call.state === "ended")
    return call.end === "" ? "The call has ended." : `The call ended: ${call.end}.`.replace("..", ".");
  if (call.transfer !== "") return call.transfer;
  switch (call.state) {
    case "calling":
      return "Calling…";
    case "ringing":
      return "It rings.";
    case "incoming":
      return "Calls you.";
    case "up":
      if (call.held) return "On hold.";
      if (call.heldByThem) return "They put you on hold.";
      return call.muted ? "Muted." : "Connected.";
  }
}
