/** The twelve keys of a telephone. */
import { h } from "./dom.ts";

const letters: Readonly<Record<string, string>> = {
  2: "abc",
  3: "def",
  4: "ghi",
  5: "jkl",
  6: "mno",
  7: "pqrs",
  8: "tuv",
  9: "wxyz",
  0: "+",
};
const names: Readonly<Record<string, string>> = { "*": "star", "#": "hash" };
export const keys = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"] as const;

export function dialPad(pressed: (key: string) => void): HTMLElement {
  const pad = h("div", { class: "pad", role: "group", "aria-label": "Dial pad" });
  for (const key of keys) {
    const one = h(
      "button",
      { type: "button", "aria-label": names[key] ?? key, "data-key": key },
      h("b", {}, key),
      // Drawn by the style: a key's name is its digit, for who says "press 4" and for who reads aloud.
      h("small", { "data-letters": letters[key] ?? "\u00a0" }),
    );
    one.addEventListener("click", () => pressed(key));
    pad.append(one);
  }
  return pad;
}
