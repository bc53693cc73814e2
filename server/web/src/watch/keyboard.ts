import { h } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";

/** What a key can ask of the player. */
export interface Commands {
  togglePlay(): void;
  seekBy(seconds: number): void;
  seekToFraction(fraction: number): void;
  volumeBy(step: number): void;
  toggleMute(): void;
  toggleFull(): void;
  togglePip(): void;
  changeSpeed(steps: number): void;
  stepFrame(direction: number): void;
  toggleSettings(): void;
  toggleLanguages(): void;
  toggleText(): void;
  stepChapter(by: -1 | 1): void;
  markClip(side: "start" | "end"): void;
  toggleHelp(): void;
}

interface Shortcut {
  readonly keys: readonly string[];
  /** As the help shows them. */
  readonly shown: readonly string[];
  readonly does: string;
  run(commands: Commands, key: string): void;
}

const DIGITS = "0123456789";

const SHORTCUTS: readonly Shortcut[] = [
  { keys: [" ", "k"], shown: ["Space", "K"], does: "Play or pause", run: (c) => c.togglePlay() },
  { keys: ["j"], shown: ["J"], does: "Back 10 seconds", run: (c) => c.seekBy(-10) },
  { keys: ["l"], shown: ["L"], does: "Forward 10 seconds", run: (c) => c.seekBy(10) },
  {
    keys: ["ArrowLeft", "ArrowRight"],
    shown: ["←", "→"],
    does: "Back or forward 5 seconds",
    run: (c, key) => c.seekBy(key === "ArrowLeft" ? -5 : 5),
  },
  {
    keys: ["ArrowUp", "ArrowDown"],
    shown: ["↑", "↓"],
    does: "Louder or quieter",
    run: (c, key) => c.volumeBy(key === "ArrowUp" ? 0.05 : -0.05),
  },
  { keys: ["m"], shown: ["M"], does: "Mute", run: (c) => c.toggleMute() },
  { keys: ["f"], shown: ["F"], does: "Full screen", run: (c) => c.toggleFull() },
  { keys: ["p"], shown: ["P"], does: "Picture in picture", run: (c) => c.togglePip() },
  { keys: ["s"], shown: ["S"], does: "Quality and speed", run: (c) => c.toggleSettings() },
  { keys: ["c"], shown: ["C"], does: "Subtitles on or off", run: (c) => c.toggleText() },
  { keys: ["a"], shown: ["A"], does: "Subtitles and sound", run: (c) => c.toggleLanguages() },
  {
    keys: ["[", "]"],
    shown: ["[", "]"],
    does: "Chapter before or after",
    run: (c, key) => c.stepChapter(key === "[" ? -1 : 1),
  },
  {
    keys: ["i", "o"],
    shown: ["I", "O"],
    does: "Begin or end a clip here",
    run: (c, key) => c.markClip(key === "i" ? "start" : "end"),
  },
  {
    keys: [...DIGITS],
    shown: ["0", "–", "9"],
    does: "Go to a tenth of the film",
    run: (c, key) => c.seekToFraction(Number(key) / 10),
  },
  { keys: ["Home"], shown: ["Home"], does: "Start over", run: (c) => c.seekToFraction(0) },
  { keys: ["End"], shown: ["End"], does: "Go to the end", run: (c) => c.seekToFraction(1) },
  {
    keys: ["<", ">"],
    shown: ["<", ">"],
    does: "Slower or faster",
    run: (c, key) => c.changeSpeed(key === "<" ? -1 : 1),
  },
  {
    keys: [",", "."],
    shown: [",", "."],
    does: "One picture back or on, while paused",
    run: (c, key) => c.stepFrame(key === "," ? -1 : 1),
  },
  { keys: ["?"], shown: ["?"], does: "This list", run: (c) => c.toggleHelp() },
];

const BY_KEY = new Map(SHORTCUTS.flatMap((shortcut) => shortcut.keys.map((key) => [key, shortcut] as const)));

/** Listens on the whole page, and keeps out of the way of fields, dialogs and the browser's own combinations. */
export function listenToKeys(commands: Commands): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const shortcut = BY_KEY.get(key);
    if (!shortcut || belongsTo(event.target, key)) return;
    if (event.repeat && !REPEATABLE.has(key)) return;
    event.preventDefault();
    shortcut.run(commands, key);
  });
}

const REPEATABLE = new Set(["j", "l", "ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", ",", "."]);

/** Whether the focused element has its own use for the key. */
function belongsTo(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof Element)) return false;
  if (target.closest("textarea, select, input:not([type=range]), [contenteditable], [role=menu]"))
    return true;
  const dialog = target.closest("dialog");
  if (dialog) return dialog.open && key !== "?"; // one that has just closed may still hold the focus
  if (target.closest("input[type=range]")) return key.startsWith("Arrow") || key === "Home" || key === "End";
  return key === " " && target.closest("a, button, summary") !== null;
}

/** The list of shortcuts, made from the same table. */
export function helpDialog(): HTMLDialogElement {
  const close = h("button", { type: "submit", class: "icon-button", "aria-label": "Close" }, icon("close"));
  const list = h("dl", {});
  for (const { shown, does } of SHORTCUTS) {
    const keys = h("dd", {});
    for (const key of shown) keys.append(key === "–" ? "–" : h("kbd", {}, key));
    list.append(h("div", {}, h("dt", {}, does), keys));
  }
  const heading = h("h2", { id: "help-title" }, "Keyboard");
  const form = h("form", { method: "dialog" }, heading, close, list);
  const dialog = h("dialog", { class: "dialog help", "aria-labelledby": "help-title" }, form);
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
  return dialog;
}
