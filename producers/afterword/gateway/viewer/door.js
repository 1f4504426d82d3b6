// Asking the gateway. The token lives in this tab only.
const KEPT = "afterword-token";

/** An answer that is an error: `status`, and the problem document that came with it. */
export class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail ?? problem.title ?? String(status));
    this.name = "Refused";
    this.status = status;
    this.field = problem.field;
  }
}

let signedOut = () => {};

/** Call this when the gateway no longer knows the token. */
export const onSignedOut = (listener) => (signedOut = listener);
export const token = () => sessionStorage.getItem(KEPT);
export const keepToken = (given) => sessionStorage.setItem(KEPT, given);
export const dropToken = () => sessionStorage.removeItem(KEPT);

/** The answer itself. `lines` is a body of JSON lines. Throws Refused, TypeError (no gateway) and AbortError. */
export async function reach(method, path, { query = {}, body, lines, signal } = {}) {
  const url = new URL(`../api/v1/${path}`, location.href);
  for (const [name, value] of Object.entries(query)) if (value || value === 0) url.searchParams.set(name, value);
  const headers = { authorization: `Bearer ${token()}` };
  if (body || lines) headers["content-type"] = lines ? "application/x-ndjson" : "application/json";
  const response = await fetch(url, { method, headers, body: lines ?? (body && JSON.stringify(body)), signal, cache: "no-store" });
  if (response.ok) return response;
  const problem = await response.json().catch(() => ({}));
  if (response.status === 401) signedOut();
  throw new Refused(response.status, problem);
}

/** The answer as JSON. Throws as `reach` does. */
export async function ask(method, path, options) {
  const response = await reach(method, path, options);
  return response.status === 204 ? null : response.json();
}

/** The fields that were filled in. */
export const filled = (form) =>
  Object.fromEntries([...new FormData(form)].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));
