import { makeClip } from "../api/client.ts";
import { ApiError } from "../api/problem.ts";
import type { Video } from "../api/types.ts";
import { copyText } from "../dom/clipboard.ts";
import { h, setText } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { clock, exactClock, readClock, spokenClock } from "../format.ts";
import type { Player } from "../watch/player.ts";
import type { Previews } from "../watch/previews.ts";
import { ClipRange, type Side } from "./range.ts";
import { TimeField } from "./timefield.ts";

const FIRST_LENGTH_S = 30;
const LONGEST_TITLE = 500;

/** Makes a clip under the picture: where it begins and ends, a look at it, a title, and a link in the end. */
export class ClipMaker {
  readonly element: HTMLElement;
  readonly button: HTMLButtonElement;
  private readonly range: ClipRange;
  private readonly fields: Readonly<Record<Side, TimeField>>;
  private readonly length = h("p", { class: "clip-length", "aria-live": "polite" });
  private readonly titleField: HTMLInputElement;
  private readonly trouble = h("p", { class: "clip-trouble", role: "alert", hidden: true });
  private readonly save = h("button", { type: "submit", class: "button primary" }, "Save clip");
  private readonly form = h("form", { class: "clip-form", novalidate: true });
  private readonly done = h("div", { class: "clip-done", hidden: true });
  private previews: Previews | null = null;
  private wantedS: number | null = null;
  private longestMs = Number.POSITIVE_INFINITY;

  constructor(
    private readonly player: Player,
    private readonly videoId: string,
    private readonly notify: (message: string) => void,
  ) {
    this.button = h("button", { type: "button", class: "button small", "aria-expanded": "false" });
    this.button.append(icon("scissors"), "Make a clip");
    this.button.addEventListener("click", () => (this.open ? this.close() : this.show()));
    this.range = new ClipRange(
      { changed: (side) => this.changed(side), pointed: (seconds) => this.seek(seconds) },
      (seconds) => player.timeline.toMedia(seconds),
    );
    this.fields = { start: this.timeField("start"), end: this.timeField("end") };
    this.titleField = h("input", { id: "clip-title", maxlength: LONGEST_TITLE, autocomplete: "off" });
    this.fill();
    this.element = h("section", { class: "clip", "aria-labelledby": "clip-heading", hidden: true });
    this.element.append(this.form, this.done);
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.preventDefault();
      this.close();
    });
    player.timeline.onChange(() => this.follow());
    player.onMark = (side) => this.mark(side);
  }

  get open(): boolean {
    return !this.element.hidden;
  }

  usePreviews(previews: Previews | null): void {
    this.previews = previews;
    if (this.open) this.range.show(this.range.startS, this.range.endS, this.durationS, previews);
  }

  /** Takes note of what is cut: what it is called, and how long the server says it is. */
  suggest(title: string, durationMs: number | null): void {
    this.titleField.dataset.film = title;
    this.longestMs = durationMs ?? Number.POSITIVE_INFINITY;
  }

  private get durationS(): number {
    return this.player.timeline.duration;
  }

  private show(): void {
    if (this.durationS === 0) {
      this.notify("A clip can be made once the film plays");
      return;
    }
    const { position } = this.player.timeline;
    const startS = Math.max(0, Math.min(position, this.durationS - 1));
    this.element.hidden = false;
    this.form.hidden = false;
    this.done.hidden = true;
    this.button.setAttribute("aria-expanded", "true");
    this.range.show(startS, Math.min(this.durationS, startS + FIRST_LENGTH_S), this.durationS, this.previews);
    this.tell(null);
    this.draw();
    this.element.scrollIntoView({ block: "nearest", behavior: "smooth" });
    this.range.element.querySelector<HTMLElement>(".handle")?.focus({ preventScroll: true });
  }

  private close(): void {
    this.element.hidden = true;
    this.button.setAttribute("aria-expanded", "false");
    this.button.focus({ preventScroll: true });
  }

  /** Puts the beginning or the end where the film is. */
  private mark(side: Side): void {
    if (!this.open) this.show();
    if (!this.open || this.form.hidden) return;
    this.range.set(side, this.player.timeline.position);
    this.draw();
  }

  private changed(side: Side): void {
    this.draw();
    this.seek(side === "start" ? this.range.startS : this.range.endS);
  }

  private draw(): void {
    const { startS, endS } = this.range;
    this.fields.start.show(startS);
    this.fields.end.show(endS);
    setText(this.length, `${exactClock(endS - startS)} long`);
    this.length.setAttribute("aria-label", `${spokenClock(endS - startS)} long`);
    const film = this.titleField.dataset.film ?? "";
    this.titleField.placeholder = `${film} (${clock(startS)})`;
    this.follow();
  }

  /** Shows the picture of a moment. One that is sought is waited for: a dragged handle asks faster than pictures come. */
  private seek(seconds: number): void {
    const { video, timeline } = this.player;
    video.pause();
    if (video.seeking) {
      this.wantedS = seconds;
      return;
    }
    this.wantedS = null;
    timeline.seek(seconds);
  }

  private follow(): void {
    if (!this.open) return;
    this.range.showPosition(this.player.timeline.position);
    if (this.wantedS !== null && !this.player.video.seeking) this.seek(this.wantedS);
  }

  private async submit(): Promise<void> {
    const [startMs, endMs] = this.points;
    this.tell(null);
    this.save.disabled = true;
    try {
      this.finish(await makeClip(this.videoId, startMs, endMs, this.titleField.value));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.tell(error.message);
    } finally {
      this.save.disabled = false;
    }
  }

  /** The points in milliseconds. The player may count a little more than the server. */
  private get points(): readonly [number, number] {
    const { startS, endS } = this.range;
    return [Math.round(startS * 1000), Math.min(Math.round(endS * 1000), this.longestMs)];
  }

  private tell(message: string | null): void {
    this.trouble.hidden = message === null;
    setText(this.trouble, message ?? "");
  }

  private finish(clip: Video): void {
    const href = new URL(`/watch/${encodeURIComponent(clip.id)}`, location.href).href;
    const link = h("input", {
      class: "clip-link",
      readonly: true,
      "aria-label": "Link to the clip",
      value: href,
    });
    link.addEventListener("focus", () => link.select());
    const copy = h("button", { type: "button", class: "button primary" }, icon("link"), "Copy link");
    copy.addEventListener("click", () => void this.copy(href));
    const again = h("button", { type: "button", class: "button" }, "Make another");
    again.addEventListener("click", () => this.show());
    const heading = h("h2", {}, icon("check"), `“${clip.title}” is saved`);
    const words = h("p", {}, "It is in the library, and plays at once: nothing is encoded anew.");
    const row = h("div", { class: "clip-row" }, link, copy);
    const watch = h("a", { class: "button", href }, "Watch it");
    this.done.replaceChildren(heading, words, row, h("div", { class: "clip-choices" }, watch, again));
    this.form.hidden = true;
    this.done.hidden = false;
    this.titleField.value = "";
    copy.focus();
  }

  private async share(): Promise<void> {
    const [startMs, endMs] = this.points;
    const url = new URL(location.pathname, location.href);
    url.search = String(new URLSearchParams({ start_ms: String(startMs), end_ms: String(endMs) }));
    await this.copy(url.href);
  }

  private async copy(href: string): Promise<void> {
    this.notify((await copyText(href)) ? "Link copied" : `Could not copy. The link is ${href}`);
  }

  private timeField(side: Side): TimeField {
    return new TimeField(side, {
      read: readClock,
      chosen: (seconds) => {
        this.range.set(side, seconds);
        this.changed(side);
      },
      here: () => this.mark(side),
    });
  }

  private fill(): void {
    const preview = h("button", { type: "button", class: "button" }, icon("play"), "Preview");
    preview.addEventListener("click", () =>
      this.player.timeline.playStretch(this.range.startS, this.range.endS),
    );
    const share = h("button", { type: "button", class: "button" }, icon("link"), "Copy link to this part");
    share.addEventListener("click", () => void this.share());
    const cancel = h(
      "button",
      { type: "button", class: "icon-button", "aria-label": "Close" },
      icon("close"),
    );
    cancel.addEventListener("click", () => this.close());
    const heading = h("div", { class: "clip-heading" }, h("h2", { id: "clip-heading" }, "Make a clip"));
    heading.append(h("p", { class: "clip-hint" }, "Drag the ends, or press I and O while it plays"), cancel);
    const points = h("div", { class: "clip-points" }, this.fields.start.element, this.length);
    points.append(this.fields.end.element);
    const title = h(
      "div",
      { class: "clip-field" },
      h("label", { for: "clip-title" }, "Title"),
      this.titleField,
    );
    const choices = h(
      "div",
      { class: "clip-choices" },
      preview,
      share,
      h("span", { class: "gap" }),
      this.save,
    );
    this.form.append(heading, this.range.element, points, title, this.trouble, choices);
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
  }
}
