/** Asks for a key, and says why. */
import { gate, useKey } from "./api.ts";
import { textOf } from "./ui/dialog.tsx";

export function Gate() {
  const wrong = gate.value === "wrong-key";
  return (
    <main class="gate">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const given = textOf(new FormData(event.currentTarget), "key");
          if (given === "") return;
          gate.value = undefined;
          useKey(given);
        }}
      >
        <p class="brand">
          <img src="icon.svg" alt="" />
          <span>siproc</span>
        </p>
        <h1>This server asks for a key</h1>
        {wrong && (
          <p class="problem" role="alert">
            The server does not know this key.
          </p>
        )}
        <label class="field">
          Key
          <input
            name="key"
            type="password"
            autoComplete="current-password"
            required
            {...(wrong && { "aria-invalid": true })}
          />
        </label>
        <p class="quiet">
          One of <code>control.keys</code> in the server's configuration. It is kept until you close this tab.
        </p>
        <button type="submit" class="go">
          Open the console
        </button>
      </form>
    </main>
  );
}
