/** `<siproc-call to="sip:ivr@example.com">`: a button that calls, for any page. */
import { CallView } from "./call-view.ts";
import { dialPad } from "./dial-pad.ts";
import { button, h, say } from "./dom.ts";
import { Phone } from "./phone.ts";
import { serverAddress, turnAddress } from "./server.ts";
import { dress } from "./style.ts";

/**
 * Attributes: `to`, whom it calls; `label`, what stands on it; `server`, as wss://host:port, by default where the script came
 * from; `domain`, for a `to` without one; `ice`, STUN servers; `turn`, where credentials for a TURN server are; `theme`, light or dark. Tells of `siproc-state` in its events.
 */
export class CallElement extends HTMLElement {
  #phone: Phone | undefined;
  #view: CallView | undefined;
  #state = "";

  connectedCallback(): void {
    if (this.#phone !== undefined) return;
    const { url, host } = serverAddress(this.getAttribute("server"));
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    dress(root);
    const phone = new Phone({
      url,
      domain: this.getAttribute("domain") ?? host,
      ice: (this.getAttribute("ice") ?? "").split(/\s+/).filter((each) => each !== ""),
      turn: turnAddress(this.getAttribute("turn"), url),
      securePort: null,
      changed: () => this.#update(),
      text: (_, text) => say(texts, text),
    });
    const view = new CallView(phone, { transfer: false });
    const go = button(this.getAttribute("label") ?? "Call", () => this.call(), { class: "go", part: "button" });
    const problem = h("div", { class: "problem", role: "alert", hidden: true });
    const texts = h("p", { role: "status" });
    const pad = dialPad((key) => phone.call?.press(key));
    root.replaceChildren(h("div", { class: "button" }, go, problem, view.element, pad, texts));
    this.#phone = phone;
    this.#view = view;
    this.#show = () => {
      go.hidden = phone.busy;
      problem.hidden = phone.problem === "";
      const without = phone.pending;
      problem.replaceChildren(
        phone.problem,
        ...(without === undefined ? [] : [button("Call without a microphone", without)]),
      );
      pad.hidden = phone.call?.state !== "up";
      view.update();
    };
    this.#show();
  }

  disconnectedCallback(): void {
    this.#phone?.close();
    this.#view?.stop();
    this.#phone = undefined;
  }

  /** Calls, as if the button were pressed: browsers ask for the microphone. */
  call(): void {
    const phone = this.#phone;
    if (phone === undefined || phone.busy) return;
    // Connected by the first call: a page with a button costs the server nothing until then.
    if (this.#state === "") phone.connect();
    this.#state = "connecting";
    void phone.dial(this.getAttribute("to") ?? "");
  }

  hangUp(): void {
    this.#phone?.hangUp();
  }

  #show: () => void = () => {};

  #update(): void {
    this.#show();
    const state = this.#phone?.call?.state;
    if (state === undefined || state === this.#state) return;
    this.#state = state;
    this.dispatchEvent(new CustomEvent("siproc-state", { detail: { state }, bubbles: true, composed: true }));
  }
}
