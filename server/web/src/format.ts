/** Quantities as a person reads them. */

const NEARLY_S = 0.05; // sound ends within a frame of the second that it was cut at

/** `1:02:03` or `2:03`; a duration below zero or unknown is `0:00`. */
export function clock(seconds: number): string {
  const whole = Number.isFinite(seconds) ? Math.max(0, Math.floor(seconds + NEARLY_S)) : 0;
  const s = String(whole % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${s}`;
  return `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${s}`;
}

/** `1:02:03.4`: to the tenth, for points that are set exactly. */
export function exactClock(seconds: number): string {
  const tenths = Math.max(0, Math.round(seconds * 10));
  return `${clock(Math.floor(tenths / 10))}.${tenths % 10}`;
}

/** Reads `1:02:03.4`, `2:03` or `3.4` as seconds; null where it is none of them. */
export function readClock(text: string): number | null {
  const found = /^(?:(?:(\d{1,3}):)?(\d{1,3}):)?(\d{1,5}(?:[.,]\d{1,3})?)$/.exec(text.trim());
  if (found === null) return null;
  const [, hours = "0", minutes = "0", seconds = "0"] = found;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds.replace(",", "."));
}

/** `2 minutes 3 seconds`, for those who listen. */
export function spokenClock(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts: string[] = [];
  const units: [number, string][] = [
    [Math.floor(whole / 3600), "hour"],
    [Math.floor(whole / 60) % 60, "minute"],
    [whole % 60, "second"],
  ];
  for (const [count, unit] of units) {
    if (count > 0) parts.push(plural(count, unit));
  }
  return parts.length > 0 ? parts.join(" ") : "0 seconds";
}

export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** Decimal units, as file managers show them: `12.4 MB`. */
export function bytes(count: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = count;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

export function percent(fraction: number): string {
  return `${Math.floor(Math.min(1, Math.max(0, fraction)) * 100)} %`;
}

/** `about 40 seconds left`. */
export function remaining(seconds: number): string {
  if (seconds < 8) return "a few seconds left";
  if (seconds < 90) return `${Math.round(seconds / 5) * 5} seconds left`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} minutes left`;
  return `${Math.round(seconds / 3600)} hours left`;
}

const STEPS: readonly [number, Intl.RelativeTimeFormatUnit][] = [
  [60, "second"],
  [3600, "minute"],
  [86_400, "hour"],
  [604_800, "day"],
  [2_629_800, "week"],
  [31_557_600, "month"],
  [Number.POSITIVE_INFINITY, "year"],
];

/** `3 hours ago`, seen from `nowMs`. */
export function ago(iso: string, nowMs: number): string {
  const passedS = Math.max(0, (nowMs - Date.parse(iso)) / 1000);
  if (passedS < 45) return "just now";
  const words = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  let length = 1;
  for (const [limit, unit] of STEPS) {
    if (passedS < limit) return words.format(-Math.max(1, Math.floor(passedS / length)), unit);
    length = limit;
  }
  return "";
}

/** The name people use for a picture size: the short side, as in `1080p`. */
export function sizeName(width: number, height: number): string {
  return `${Math.min(width, height)}p`;
}

/** Gives a message the shape of a sentence; the server writes its own in lower case, as parts of log lines. */
export function sentence(text: string): string {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(whole) ? whole : `${whole}.`;
}

const LANGUAGE_NAMES = new Intl.DisplayNames(undefined, { type: "language", fallback: "code" });

/** `German` for `de`, in the viewer's language; a tag that is none is shown as it is. */
export function languageName(tag: string): string {
  if (tag === "" || tag === "und") return "Unknown language";
  try {
    return LANGUAGE_NAMES.of(tag) ?? tag;
  } catch {
    return tag;
  }
}
