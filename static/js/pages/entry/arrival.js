// Coming in by another service: what is kept on the way there, and how one goes on after it.
import { resume, session, signedIn } from "../../core/session.js";
import { safePath } from "../../router.js";

const KEPT = "tollgate.next";

/** Where nobody is signed in, 401 is a refusal like any other, and is said. */
export function asRefusal(error) {
  if (error.kind === "signedout") error.kind = "refused";
  return error;
}

/** Keeps, for this tab, where to go on after coming back. */
export function keepWay(next) {
  if (next) sessionStorage.setItem(KEPT, String(next));
  else sessionStorage.removeItem(KEPT);
}

export function takeWay() {
  const next = sessionStorage.getItem(KEPT);
  sessionStorage.removeItem(KEPT);
  return next ? safePath(next) : "/overview";
}

/**
 * Does what signs somebody in. Returns {ticket} when a code of the second factor is still owed, {bound: true} when the service was
 * bound to who is signed in already, else {}.
 */
export async function comeIn(ask) {
  const before = session.user;
  try {
    const answer = await ask();
    if (before && answer.message === "bind") {
      await resume();
      return { bound: true };
    }
    await signedIn(answer);
    return {};
  } catch (error) {
    const ticket = error.data?.ticket;
    if (!ticket) throw error;
    return { ticket };
  }
}
