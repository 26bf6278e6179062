/** `<siproc-phone>`: a whole phone. Its page gives it a place; it needs nothing else. */
import { AccountForm } from "./account-form.ts";
import { uriOf } from "./address.ts";
import { CallView } from "./call-view.ts";
import { dialPad } from "./dial-pad.ts";
import { button, field, h, say } from "./dom.ts";
import type { LineState } from "./line.ts";
import { Phone } from "./phone.ts";
import { serverAddress, turnAddress } from "./server.ts";
import { SoundForm } from "./sound-form.ts";
import { dress } from "./style.ts";
import { Texts } from "./texts.ts";

const dialled = /^[0-9*#]$/;

/**
 * Attributes: `name`, what stands at its top; `calls`, whom it offers to call, separated by spaces; `domain`; `server`, as
 * wss://host:port; `ice`, STUN servers; `turn`, where credentials for a TURN server are; `secure-port`, where this page is to be had by https; `theme`, light or dark.
 */
export class PhoneElement extends HTMLElement {
  #phone: Phone | undefined;
  #view: CallView | undefined;
  #typed: ((event: KeyboardEvent) => void) | undefined;

  connectedCallback(): void {
    if (this.#phone !== undefined) return;
    const { url, host } = serverAddress(this.getAttribute("server"));
    const domain = this.getAttribute("domain") ?? host;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    dress(root);
    const phone = new Phone({
      url,
      domain,
      ice: this.#words("ice"),
      turn: turnAddress(this.getAttribute("turn"), url),
      securePort: this.getAttribute("secure-port"),
      changed: () => this.#show(),
      text: (from, text) => texts.received(from, text),
    });
    const view = new CallView(phone, { transfer: true });
    const texts = new Texts(phone);
    const account = new AccountForm({ domain, connect: (to) => phone.connect(to) });
    const sound = new SoundForm(phone, this);

    const target = h("input", {
      ...{ name: "to", autocomplete: "off", autocapitalize: "none", spellcheck: "false", enterkeyhint: "go" },
      placeholder: "name or number",
    });
    target.value = this.getAttribute("to") ?? new URLSearchParams(location.search).get("to")?.slice(0, 200) ?? "";
    const go = h("button", { type: "submit", class: "go" }, "Call");
    const form = h("form", { class: "row", "aria-label": "Call somebody" }, field("Whom to call", target), go);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void phone.dial(target.value);
    });
    const offered = this.#words("calls").filter((one) => uriOf(one, domain) !== undefined);
    const chips = h(
      "div",
      { class: "chips", role: "group", "aria-label": "Try" },
      h("span", { "aria-hidden": "true" }, "Try"),
      ...offered.map((one) => button(one, () => void phone.dial(one), { "data-to": one })),
    );
    const pad = dialPad((key) => {
      if (phone.call?.state === "up") phone.call.press(key);
      else target.value += key;
    });
    const line = h("span", { class: "line", role: "status" });
    const problem = h("div", { class: "problem", role: "alert", hidden: true });
    root.replaceChildren(
      h(
        "div",
        { class: "phone", part: "phone" },
        h(
          "div",
          { class: "card", part: "card" },
          h("div", { class: "top" }, h("h1", {}, this.getAttribute("name") ?? "Phone"), line),
          problem,
          form,
          chips,
          view.element,
          pad,
        ),
        h("div", { class: "side" }, texts.element, account.element, sound.element),
      ),
    );

    this.#phone = phone;
    this.#view = view;
    this.#show = () => {
      say(line, lineText(phone.line));
      line.dataset.type = phone.line.type;
      account.show(phone.line);
      problem.hidden = phone.problem === "";
      if (problem.dataset.text !== phone.problem) {
        problem.dataset.text = phone.problem;
        const without = phone.pending;
        problem.replaceChildren(
          h("p", {}, phone.problem),
          ...(without === undefined ? [] : [button("Go on without a microphone", without)]),
        );
      }
      form.hidden = phone.busy;
      chips.hidden = phone.busy || offered.length === 0;
      view.update();
      texts.update();
      sound.update();
    };
    this.#typed = (event) => {
      const { key, ctrlKey, metaKey, altKey } = event;
      const inField = event.composedPath().some((each) => each instanceof HTMLElement && each.matches("input, select"));
      if (inField || ctrlKey || metaKey || altKey || !dialled.test(key)) return;
      if (phone.call?.state === "up") phone.call.press(key);
    };
    document.addEventListener("keydown", this.#typed);
    addEventListener("pagehide", () => phone.hangUp());
    phone.connect();
    account.begin();
    this.#show();
    void sound.list();
  }

  disconnectedCallback(): void {
    this.#phone?.close();
    this.#view?.stop();
    if (this.#typed !== undefined) document.removeEventListener("keydown", this.#typed);
    this.#phone = undefined;
  }

  #show: () => void = () => {};

  #words(name: string): string[] {
    return (this.getAttribute(name) ?? "").split(/\s+/).filter((word) => word !== "");
  }
}

function lineText(line: LineState): string {
  switch (line.type) {
    case "connecting":
      return "Connecting…";
    case "lost":
      return "No connection to the server; trying again.";
    case "anonymous":
      return "Connected, without an account";
    case "registering":
      return `Registering as ${line.as}…`;
    case "registered":
      return `Registered as ${line.as}`;
    case "refused":
      return `Not registered as ${line.as}: ${line.why}`;
  }
}
