/** Which microphone and loudspeaker, and how light the page is. */
import { field, h, kept } from "./dom.ts";
import { devices } from "./microphone.ts";
import type { Phone } from "./phone.ts";

export class SoundForm {
  readonly element: HTMLElement;
  readonly #phone: Phone;
  readonly #microphone = h("select", { name: "microphone" });
  readonly #speaker = h("select", { name: "speaker" });
  #listed = false;

  /** `themed`: whose attribute `theme` is set. */
  constructor(phone: Phone, themed: HTMLElement) {
    this.#phone = phone;
    phone.microphone = kept.get("microphone");
    this.#microphone.addEventListener("change", () => {
      phone.microphone = this.#microphone.value;
      kept.set("microphone", phone.microphone);
    });
    this.#speaker.addEventListener("change", () => {
      kept.set("speaker", this.#speaker.value);
      void phone.speaker(this.#speaker.value);
    });
    const theme = h(
      "select",
      { name: "theme" },
      h("option", { value: "" }, "As the system"),
      h("option", { value: "light" }, "Light"),
      h("option", { value: "dark" }, "Dark"),
    );
    const apply = () => {
      for (const one of [themed, document.documentElement]) {
        one.removeAttribute(one === themed ? "theme" : "data-theme");
        if (theme.value !== "") one.setAttribute(one === themed ? "theme" : "data-theme", theme.value);
      }
    };
    theme.value = kept.get("theme") || themed.getAttribute("theme") || "";
    apply();
    theme.addEventListener("change", () => {
      kept.set("theme", theme.value);
      apply();
    });
    const speaker = field("Loudspeaker", this.#speaker);
    speaker.hidden = !("setSinkId" in phone.sound);
    this.element = h(
      "details",
      { class: "card", part: "card" },
      h("summary", {}, "Sound and looks"),
      h(
        "div",
        {},
        field("Microphone", this.#microphone),
        h("p", { class: "quiet" }, "Another microphone counts from the next call on."),
        speaker,
        field("Theme", theme),
      ),
    );
    navigator.mediaDevices?.addEventListener("devicechange", () => void this.list());
    void phone.speaker(kept.get("speaker"));
  }

  /** The devices have names once a microphone was allowed. */
  update(): void {
    if (this.#listed || this.#phone.call?.ownVoice === undefined) return;
    this.#listed = true;
    void this.list();
  }

  async list(): Promise<void> {
    for (const [select, kind, name] of [
      [this.#microphone, "audioinput", "microphone"],
      [this.#speaker, "audiooutput", "speaker"],
    ] as const) {
      const found = await devices(kind).catch(() => []);
      const chosen = select.value || kept.get(name);
      select.replaceChildren(
        h("option", { value: "" }, "The system's own"),
        ...found.map(({ id, label }) => h("option", { value: id }, label)),
      );
      select.value = found.some(({ id }) => id === chosen) ? chosen : "";
    }
  }
}
