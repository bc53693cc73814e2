import { joinVideos } from "../api/client.ts";
import { ApiError } from "../api/problem.ts";
import type { Video } from "../api/types.ts";
import { h, setText } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { clock } from "../format.ts";

const LONGEST_TITLE = 500;

/** Asks in which order videos are joined and what the whole is called, and has it made. */
export class JoinDialog {
  private readonly dialog = h("dialog", { class: "dialog join", "aria-labelledby": "join-title" });
  private readonly list = h("ol", { class: "join-list" });
  private readonly total = h("p", { class: "join-total", "aria-live": "polite" });
  private readonly titleField = h("input", {
    id: "join-name",
    maxlength: LONGEST_TITLE,
    autocomplete: "off",
  });
  private readonly trouble = h("p", { class: "join-trouble", role: "alert", hidden: true });
  private readonly save = h("button", { type: "submit", class: "button primary" }, "Join them");
  private videos: Video[] = [];
  private dragged: number | null = null;

  constructor(private readonly made: (video: Video) => void) {
    const cancel = h("button", { type: "button", class: "button" }, "Cancel");
    cancel.addEventListener("click", () => this.dialog.close());
    const explanation = h(
      "p",
      {},
      "They play one after the other as one video. Nothing is copied or encoded anew.",
    );
    const title = h(
      "div",
      { class: "join-field" },
      h("label", { for: "join-name" }, "Title"),
      this.titleField,
    );
    const form = h("form", { novalidate: true }, h("h2", { id: "join-title" }, "Join videos"), explanation);
    form.append(
      this.list,
      this.total,
      title,
      this.trouble,
      h("div", { class: "choices" }, cancel, this.save),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.submit();
    });
    this.dialog.append(form);
    this.dialog.addEventListener("click", (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
    document.body.append(this.dialog);
  }

  open(videos: readonly Video[]): void {
    this.videos = [...videos];
    this.titleField.value = "";
    this.tell(null);
    this.draw();
    this.dialog.showModal();
    this.titleField.focus();
  }

  private draw(): void {
    this.list.replaceChildren(...this.videos.map((video, at) => this.row(video, at)));
    const lengthMs = this.videos.reduce((sum, { duration_ms }) => sum + (duration_ms ?? 0), 0);
    setText(this.total, `${this.videos.length} videos, ${clock(lengthMs / 1000)} in all`);
    this.titleField.placeholder = this.videos.map(({ title }) => title).join(" + ");
    this.save.disabled = this.videos.length < 2;
  }

  private row(video: Video, at: number): HTMLElement {
    const picture = h("img", { alt: "", src: video.poster, loading: "lazy" });
    const words = h("span", { class: "join-words" }, h("b", {}, video.title));
    words.append(h("small", {}, clock((video.duration_ms ?? 0) / 1000)));
    const last = this.videos.length - 1;
    const row = h(
      "li",
      { draggable: "true" },
      h("span", { class: "join-place" }, String(at + 1)),
      picture,
      words,
    );
    row.append(
      this.mover("up", `Move ${video.title} up`, at, at - 1, at === 0),
      this.mover("down", `Move ${video.title} down`, at, at + 1, at === last),
      this.remover(video, at),
    );
    row.addEventListener("dragstart", () => {
      this.dragged = at;
      row.classList.add("dragged");
    });
    row.addEventListener("dragend", () => {
      this.dragged = null;
      row.classList.remove("dragged");
    });
    row.addEventListener("dragover", (event) => {
      if (this.dragged !== null) event.preventDefault();
    });
    row.addEventListener("drop", (event) => {
      event.preventDefault();
      if (this.dragged !== null) this.move(this.dragged, at);
    });
    return row;
  }

  private mover(glyph: "up" | "down", label: string, from: number, to: number, off: boolean): HTMLElement {
    const button = h("button", { type: "button", class: "icon-button", "aria-label": label, disabled: off });
    button.append(icon(glyph));
    button.addEventListener("click", () => {
      this.move(from, to);
      this.focusOn(to, glyph);
    });
    return button;
  }

  private remover(video: Video, at: number): HTMLElement {
    const label = `Leave out ${video.title}`;
    const button = h("button", { type: "button", class: "icon-button", "aria-label": label }, icon("close"));
    button.addEventListener("click", () => {
      this.videos.splice(at, 1);
      this.draw();
      this.focusOn(Math.min(at, this.videos.length - 1), "close");
    });
    return button;
  }

  private move(from: number, to: number): void {
    const [moved] = this.videos.splice(from, 1);
    if (moved !== undefined) this.videos.splice(to, 0, moved);
    this.draw();
  }

  /** A person at the keyboard goes on with the same video; at an end its other button is the one that is left. */
  private focusOn(at: number, glyph: "up" | "down" | "close"): void {
    const buttons = this.list.children[at]?.querySelectorAll<HTMLButtonElement>("button") ?? [];
    const wanted = [...buttons][{ up: 0, down: 1, close: 2 }[glyph]];
    const target = wanted?.disabled === false ? wanted : [...buttons].find(({ disabled }) => !disabled);
    (target ?? this.titleField).focus();
  }

  private async submit(): Promise<void> {
    if (this.videos.length < 2) return;
    this.tell(null);
    this.save.disabled = true;
    try {
      const video = await joinVideos(
        this.videos.map(({ id }) => id),
        this.titleField.value,
      );
      this.dialog.close();
      this.made(video);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.tell(error.message);
    } finally {
      this.save.disabled = false;
    }
  }

  private tell(message: string | null): void {
    this.trouble.hidden = message === null;
    setText(this.trouble, message ?? "");
  }
}
