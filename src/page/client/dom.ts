/** Elements without inline styles or scripts, which a page's policy may forbid. */

type Attributes = Readonly<Record<string, string | boolean | undefined>>;

export function h<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  attributes: Attributes = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes))
    if (value === true) element.setAttribute(key, "");
    else if (typeof value === "string") element.setAttribute(key, value);
  element.append(...children);
  return element;
}

/** A button that says what it does. */
export function button(text: string, pressed: () => void, attributes: Attributes = {}): HTMLButtonElement {
  const element = h("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", pressed);
  return element;
}

/** A labelled field, which stays one for screen readers. */
export function field(label: string, input: HTMLElement): HTMLLabelElement {
  return h("label", { class: "field" }, h("span", {}, label), input);
}

/** Changes a text only when it is another one: live regions speak at each change. */
export function say(element: HTMLElement, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** What this browser keeps of the user's choices; nothing where it keeps nothing. Never passwords. */
export const kept = {
  get(name: string): string {
    try {
      return localStorage.getItem(`siproc.${name}`) ?? "";
    } catch {
      return "";
    }
  },
  set(name: string, value: string): void {
    try {
      localStorage.setItem(`siproc.${name}`, value);
    } catch {
      // Asked again next time.
    }
  },
};
