/** Who the phone is: nobody, or a user of the server with a password, which is kept nowhere. */

import { button, field, h, kept } from "./dom.ts";
import type { Account, LineState } from "./line.ts";

export interface AccountOptions {
  readonly domain: string;
  /** Connects anew, as this account or as nobody. */
  readonly connect: (account: Account | undefined) => void;
}

export class AccountForm {
  readonly element: HTMLElement;
  readonly #user = h("input", { name: "user", autocomplete: "username", autocapitalize: "none", spellcheck: "false" });
  readonly #password = h("input", { name: "password", type: "password", autocomplete: "current-password" });
  readonly #domain = h("input", { name: "domain", autocomplete: "off", autocapitalize: "none", spellcheck: "false" });
  readonly #name = h("input", { name: "name", autocomplete: "name" });
  readonly #leave: HTMLButtonElement;

  constructor({ domain, connect }: AccountOptions) {
    this.#user.required = true;
    this.#leave = button("Unregister", () => {
      this.#password.value = "";
      connect(undefined);
    });
    const form = h(
      "form",
      {},
      field("User", this.#user),
      field("Password", this.#password),
      field("Domain", this.#domain),
      field("Your name (optional)", this.#name),
      h("div", { class: "row" }, h("button", { type: "submit", class: "go" }, "Register"), this.#leave),
      h("p", { class: "quiet" }, "Registered, you can be called, and call whom the server lets its users call."),
    );
    this.#domain.value = kept.get("domain") || domain;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const [user = "", typed] = this.#user.value
        .trim()
        .replace(/^sips?:/, "")
        .split("@");
      const account = {
        user,
        domain: typed ?? (this.#domain.value.trim() || domain),
        password: this.#password.value,
        name: this.#name.value.trim().replace(/["\\\p{Cc}]/gu, ""),
      };
      if (!/^[^\s@:;<>"]{1,128}$/.test(user) || !/^[\w.:[\]-]{1,253}$/.test(account.domain)) {
        this.#user.setCustomValidity("A user such as alice, at a domain such as example.com");
        this.#user.reportValidity();
        return;
      }
      kept.set("user", user);
      kept.set("domain", account.domain);
      kept.set("name", account.name);
      connect(account);
    });
    this.#user.addEventListener("input", () => this.#user.setCustomValidity(""));
    this.element = h("details", { class: "card", part: "card" }, h("summary", {}, "Account"), form);
  }

  /** Fills in what was typed last time. */
  begin(): void {
    this.#user.value = kept.get("user");
    this.#name.value = kept.get("name");
  }

  show(line: LineState): void {
    this.#leave.hidden = line.type === "anonymous" || line.type === "connecting" || line.type === "lost";
  }
}
