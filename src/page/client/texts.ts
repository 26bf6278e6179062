/** Texts, sent and received: within the call that is up, or to an address. */
import { shownUri } from "./address.ts";
import { field, h } from "./dom.ts";
import type { Phone } from "./phone.ts";

/** Older ones go, whoever floods us. */
const most = 200;

export class Texts {
  readonly element: HTMLElement;
  readonly #phone: Phone;
  readonly #list = h("ul", { class: "texts", role: "log", "aria-label": "Messages", tabindex: "0" });
  readonly #to = h("input", { name: "message-to", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  readonly #text = h("input", { name: "message", autocomplete: "off", maxlength: "1000", enterkeyhint: "send" });
  readonly #whom = field("To", this.#to);

  constructor(phone: Phone) {
    this.#phone = phone;
    const form = h(
      "form",
      { class: "row", "aria-label": "Send a message" },
      this.#whom,
      field("Message", this.#text),
      h("button", { type: "submit" }, "Send"),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#list.hidden = true;
    this.element = h("section", { class: "card", part: "card" }, h("h2", {}, "Messages"), this.#list, form);
  }

  received(from: string, text: string): void {
    this.#add(shownUri(from, this.#phone.settings.domain), text, false);
  }

  /** In a call, its other side is whom we write to. */
  update(): void {
    this.#whom.hidden = this.#phone.call?.state === "up";
  }

  async #send(): Promise<void> {
    const { call } = this.#phone;
    const text = this.#text.value;
    const to = call?.state === "up" ? call.uri : this.#to.value;
    if (text.trim() === "") return;
    if (to.trim() === "") return this.#to.focus();
    this.#text.value = "";
    const note = this.#add(`to ${shownUri(to, this.#phone.settings.domain)}`, text, true);
    const failed = await this.#phone.message(to, text);
    if (failed !== undefined) note.textContent += `: did not arrive, ${failed}`;
  }

  #add(who: string, text: string, mine: boolean): HTMLElement {
    const note = h("small", {}, who);
    this.#list.hidden = false;
    this.#list.append(h("li", { "data-mine": mine }, note, text));
    while (this.#list.children.length > most) this.#list.firstChild?.remove();
    this.#list.scrollTop = this.#list.scrollHeight;
    return note;
  }
}
