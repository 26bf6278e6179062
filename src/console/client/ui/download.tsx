/** A button that fetches a file with the key and hands it to the browser. */
import type { ComponentChildren } from "preact";
import { ask } from "../api.ts";
import { doing } from "./toast.tsx";

export function Download({ path, name, children }: { path: string; name: string; children: ComponentChildren }) {
  return (
    <button
      type="button"
      onClick={() =>
        void doing("", async () => {
          const url = URL.createObjectURL(await (await ask(path)).blob());
          const link = document.createElement("a");
          link.href = url;
          link.download = name;
          link.click();
          setTimeout(() => URL.revokeObjectURL(url), 10_000);
        })
      }
    >
      {children}
    </button>
  );
}
