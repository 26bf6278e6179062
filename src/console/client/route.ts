/** Which view the address bar asks for: what stands after the `#`. */
import { computed, signal } from "@preact/signals";

const hash = signal(location.hash);
addEventListener("hashchange", () => {
  hash.value = location.hash;
});

export interface Place {
  /** `calls`, `live`, `a84b…`: decoded. */
  readonly path: readonly string[];
  readonly query: URLSearchParams;
}

export function placeOf(text: string): Place {
  const [path = "", query = ""] = text.replace(/^#\/?/, "").split("?", 2);
  return { path: path.split("/").filter(Boolean).map(decoded), query: new URLSearchParams(query) };
}

export const place = computed(() => placeOf(hash.value));

/** What a link to a view has as its href. */
export function to(...path: readonly string[]): string {
  return `#/${path.map(encodeURIComponent).join("/")}`;
}

export function go(href: string): void {
  location.hash = href;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
