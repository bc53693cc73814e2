import { addCaption, deleteCaption, getVideo, listCaptions } from "../api/client.ts";
import { ApiError } from "../api/problem.ts";
import type { Caption, CaptionKind, Video } from "../api/types.ts";
import { h, setText } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { languageName, sentence } from "../format.ts";
import { readSidecarName } from "./sidecar.ts";

const KINDS: readonly (readonly [CaptionKind, string])[] = [
  ["subtitles", "Subtitles"],
  ["captions", "For the deaf and hard of hearing (SDH)"],
  ["forced", "Forced: only what is foreign in the film"],
];
const SUGGESTED = [
  "en",
  "de",
  "fr",
  "es",
  "it",
  "pt-BR",
  "nl",
  "pl",
  "tr",
  "ar",
  "hi",
  "ja",
  "ko",
  "zh-Hans",
];
const FILES = ".srt,.vtt,.ass,.ssa";
const SURE_FOR_MS = 4000;

/** The text tracks of a video: what there is, and a form that adds to it. Everything happens at once, and can be undone. */
export class SubtitlesDialog {
  private readonly dialog = h("dialog", { class: "dialog subtitles", "aria-labelledby": "subtitles-title" });
  private readonly heading = h("h2", { id: "subtitles-title" });
  private readonly list = h("ul", { class: "text-tracks" });
  private readonly problem = h("p", { class: "problem", role: "alert", hidden: true });
  private readonly file = h("input", { type: "file", accept: FILES, name: "file", required: true });
  private readonly language = h("input", {
    name: "language",
    list: "languages",
    placeholder: "en, de, pt-BR …",
    autocomplete: "off",
    spellcheck: "false",
    maxlength: 64,
  });
  private readonly label = h("input", { name: "label", placeholder: "Optional", maxlength: 100 });
  private readonly kind = h("select", { name: "kind" });
  private readonly preset = h("input", { type: "checkbox", name: "default" });
  private readonly add = h("button", { type: "submit", class: "button primary" }, icon("plus"), "Add");
  private video: Video | null = null;

  constructor() {
    this.kind.append(...KINDS.map(([value, text]) => h("option", { value }, text)));
    const languages = h("datalist", { id: "languages" });
    languages.append(...SUGGESTED.map((tag) => h("option", { value: tag }, languageName(tag))));
    const form = h("form", { class: "add-text" });
    form.append(
      field("File (SubRip, WebVTT, ASS)", this.file),
      h("div", { class: "pair" }, field("Language", this.language), field("Label", this.label)),
      field("What it is for", this.kind),
      h("label", { class: "check" }, this.preset, "Show it unasked"),
      languages,
      h("div", { class: "choices" }, this.add),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    this.file.addEventListener("change", () => this.guess());
    const close = h(
      "button",
      { type: "button", class: "icon-button close", "aria-label": "Close" },
      icon("close"),
    );
    close.addEventListener("click", () => this.dialog.close());
    this.dialog.append(close, this.heading, this.list, this.problem, form);
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    document.body.append(this.dialog);
  }

  async open(video: Video): Promise<void> {
    this.video = video;
    setText(this.heading, `Subtitles of “${video.title}”`);
    this.list.replaceChildren();
    this.explain(null);
    this.dialog.showModal();
    await this.refresh();
  }

  /** Fills in what the name of the file says, as `film.de.forced.srt` does. */
  private guess(): void {
    const name = this.file.files?.[0]?.name;
    if (name === undefined) return;
    const { language, kind } = readSidecarName(name);
    if (language !== "") this.language.value = language;
    this.kind.value = kind;
    this.explain(null);
  }

  private async submit(): Promise<void> {
    const file = this.file.files?.[0];
    if (file === undefined) return;
    const about = {
      language: this.language.value.trim() || "und",
      label: this.label.value.trim(),
      kind: this.kind.value as CaptionKind,
      default: this.preset.checked,
    };
    const done = await this.attempt(async (id) => {
      await addCaption(id, file, about);
    });
    if (!done) return;
    this.file.value = "";
    this.label.value = "";
    this.preset.checked = false;
  }

  /** Sends another file in place of a track, which stays if the new one cannot be read. */
  private replace(track: Caption, file: File): Promise<boolean> {
    return this.attempt(async (id) => {
      await addCaption(id, file, { ...track, label: track.label ?? "" });
      await deleteCaption(id, track.id);
    });
  }

  /** Does something, says what went wrong with it, and shows what there is then. */
  private async attempt(act: (id: string) => Promise<void>): Promise<boolean> {
    const { video } = this;
    if (video === null) return false;
    this.add.disabled = true;
    this.explain(null);
    try {
      await act(video.id);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.explain(error);
      return false;
    } finally {
      this.add.disabled = false;
      await this.refresh();
    }
  }

  private explain(error: ApiError | null): void {
    this.problem.hidden = error === null;
    setText(this.problem, error === null ? "" : sentence(error.message.replace(/^\/file: /, "")));
  }

  private async refresh(): Promise<void> {
    const id = this.video?.id;
    if (id === undefined) return;
    try {
      const [tracks, { video }] = await Promise.all([listCaptions(id), getVideo(id)]);
      if (id !== this.video?.id) return;
      const left = video.ignored_tracks.filter(({ kind }) => kind === "subtitle");
      this.list.replaceChildren(
        ...tracks.map((track) => this.row(track)),
        ...left.map((each) => leftOut(each)),
      );
      if (tracks.length + left.length === 0)
        this.list.append(h("li", { class: "none" }, "There are none yet."));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.explain(error);
    }
  }

  private row(track: Caption): HTMLLIElement {
    const name = track.label ?? languageName(track.language);
    const words = [track.label === null ? "" : languageName(track.language), KIND_WORDS[track.kind]];
    if (track.default) words.push("shown unasked");
    words.push(track.uploaded ? "sent" : "from the film");
    const other = h("input", { type: "file", accept: FILES, hidden: true });
    other.addEventListener("change", () => {
      const file = other.files?.[0];
      if (file !== undefined) void this.replace(track, file);
    });
    const replace = h("button", { type: "button", class: "button small" }, "Replace");
    replace.addEventListener("click", () => other.click());
    const what = h(
      "div",
      { class: "what" },
      h("b", {}, name),
      h("small", {}, words.filter(Boolean).join(" · ")),
    );
    return h("li", { "data-id": track.id }, what, other, replace, this.removal(track, name));
  }

  /** A button that has to be pressed twice: nothing brings a deleted file back. */
  private removal(track: Caption, name: string): HTMLButtonElement {
    const button = h("button", {
      type: "button",
      class: "icon-button remove",
      "aria-label": `Delete ${name}`,
    });
    button.append(icon("trash"));
    button.addEventListener("click", () => {
      if (button.dataset.sure === "asked") {
        void this.attempt((id) => deleteCaption(id, track.id));
        return;
      }
      button.dataset.sure = "asked";
      button.setAttribute("aria-label", `Press again to delete ${name}`);
      button.replaceChildren("Delete?");
      setTimeout(() => {
        delete button.dataset.sure;
        button.setAttribute("aria-label", `Delete ${name}`);
        button.replaceChildren(icon("trash"));
      }, SURE_FOR_MS);
    });
    return button;
  }
}

const KIND_WORDS: Readonly<Record<CaptionKind, string>> = {
  subtitles: "",
  captions: "SDH",
  forced: "forced",
};

function field(name: string, control: HTMLElement): HTMLLabelElement {
  return h("label", {}, h("span", {}, name), control);
}

/** Subtitles that are pictures: there, but nothing that players could be given. */
function leftOut(track: Video["ignored_tracks"][number]): HTMLLIElement {
  const language = track.language === "und" ? "" : languageName(track.language);
  const name = language === "" ? "Subtitles of the film" : language;
  const what = h("div", { class: "what" }, h("b", {}, name), h("small", {}, sentence(track.reason)));
  return h("li", { class: "unsupported" }, icon("alert"), what);
}
