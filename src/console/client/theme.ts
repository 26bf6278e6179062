/** Light or dark: as the system says, or as the reader chose. */
import { effect, signal } from "@preact/signals";

export const themes = ["auto", "light", "dark"] as const;
export type Theme = (typeof themes)[number];

const place = "siproc-theme";
const kept = localStorage.getItem(place);

export const theme = signal<Theme>(themes.find((one) => one === kept) ?? "auto");
/** Changes whenever colours may have changed. */
export const shade = signal(0);

const dark = matchMedia("(prefers-color-scheme: dark)");
dark.addEventListener("change", () => shade.value++);

effect(() => {
  const { value } = theme;
  if (value === "auto") {
    delete document.documentElement.dataset.theme;
    localStorage.removeItem(place);
  } else {
    document.documentElement.dataset.theme = value;
    localStorage.setItem(place, value);
  }
  shade.value = shade.peek() + 1;
});
