/** What this browser remembers about its viewer: an anonymous id and the player's settings. */

const USER_KEY = "sluice.user";

/** Reads a remembered value; a browser that forbids storage remembers nothing. */
export function recall(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows and full disks: the page works without.
  }
}

let passing: string | null = null;

/** The id under which this browser's positions are kept. Nobody signs in, so it names a browser, not a person. */
export function viewerId(): string {
  const known = recall(USER_KEY) ?? passing;
  if (known) return known;
  const random = crypto.getRandomValues(new Uint8Array(12));
  passing = `anon-${Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
  remember(USER_KEY, passing);
  return passing;
}
