/** A field that narrows a list down while one types. */
import type { Signal } from "@preact/signals";

export function Search({ text, label, placeholder }: { text: Signal<string>; label: string; placeholder: string }) {
  return (
    <input
      type="search"
      class="search"
      aria-label={label}
      placeholder={placeholder}
      value={text.value}
      onInput={({ currentTarget }) => {
        text.value = currentTarget.value;
      }}
    />
  );
}
