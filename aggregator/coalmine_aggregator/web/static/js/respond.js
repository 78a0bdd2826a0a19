// What people on duty do: who they are, and requests that change something.

import { Problem, ask, inTime, signIn } from "./asking.js";

let me = null; // who is asking, once that is known

async function whoAmI() {
  me ??= await ask("/api/v1/me");
  return me;
}

/**
 * Whether whoever looks may `respond` (acknowledge, answer, silence, work on incidents) or `operate`
 * (publish them); viewers see no buttons.
 */
export async function mayDo(scope) {
  try {
    return (await whoAmI()).scopes.includes(scope);
  } catch {
    return false;
  }
}

/** The JSON that POST of a body answers. Throws `Problem`. */
export async function send(path, body) {
  const { csrf } = await whoAmI();
  const headers = { "Content-Type": "application/json", "X-Coalmine-CSRF": csrf };
  const answer = await fetch(path, { method: "POST", headers, body: JSON.stringify(body), signal: inTime() });
  if (answer.status === 401) signIn();
  if (answer.ok) return answer.json();
  me = null; // a session that was renewed has another token
  throw new Problem(answer.status, await answer.json().catch(() => ({})), answer.statusText);
}
