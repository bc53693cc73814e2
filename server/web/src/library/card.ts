import { isPlayable, type Video } from "../api/types.ts";
import { Chamber } from "../chamber.ts";
import { h, setText } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { ago, bytes, clock, percent, sizeName } from "../format.ts";
import { errorText, progressText } from "../stage.ts";

export interface CardActions {
  menu(card: VideoCard, button: HTMLButtonElement): void;
  remove(card: VideoCard): void;
}

/** One video in the grid. `update` changes only what differs, so that focus and animations survive a poll. */
export class VideoCard {
  readonly element: HTMLLIElement;
  readonly titleLink: HTMLAnchorElement;
  private readonly poster: HTMLAnchorElement;
  private readonly chamber = new Chamber();
  private readonly image = h("img", { class: "picture", alt: "", loading: "lazy", decoding: "async" });
  private readonly badge = h("span", { class: "badge" });
  private readonly duration = h("span", { class: "duration" });
  private readonly watched = h("span", { class: "watched", hidden: true });
  private readonly meta = h("p", { class: "meta" });
  /** Lies over the card while videos are picked. */
  readonly pick = h("button", { type: "button", class: "pick", "aria-pressed": "false" });
  private readonly place = h("span", { class: "place", "aria-hidden": "true" });
  private readonly failure = h("div", { class: "failure", hidden: true });
  private shown: Video;

  constructor(video: Video, actions: CardActions) {
    this.shown = video;
    const href = `/watch/${encodeURIComponent(video.id)}`;
    this.titleLink = h("a", { href });
    this.poster = h("a", { class: "poster", href, tabindex: -1, "aria-hidden": "true" });
    this.poster.append(this.chamber.element, this.image, h("span", { class: "play" }, icon("play")));
    this.poster.append(this.badge, this.duration, this.watched);
    this.image.addEventListener("load", () => this.image.classList.add("loaded"));
    this.image.addEventListener("error", () => this.image.classList.remove("loaded"));

    const more = h("button", {
      type: "button",
      class: "icon-button more",
      "aria-haspopup": "menu",
      "aria-expanded": "false",
    });
    more.append(icon("more"));
    more.addEventListener("click", () => actions.menu(this, more));
    this.moreButton = more;
    const discard = h("button", { type: "button", class: "button small" }, icon("trash"), "Delete");
    discard.addEventListener("click", () => actions.remove(this));
    this.failureText = h("p", {});
    this.failure.append(icon("alert"), this.failureText, discard);

    const caption = h("div", { class: "caption" }, h("h2", {}, this.titleLink), this.meta, more);
    this.pick.append(this.place);
    this.element = h("li", { class: "card", "data-id": video.id }, this.poster, this.failure, caption);
    this.element.append(this.pick);
    this.update(video);
  }

  private readonly moreButton: HTMLButtonElement;
  private readonly failureText: HTMLParagraphElement;

  get video(): Video {
    return this.shown;
  }

  update(video: Video): void {
    this.shown = video;
    this.element.dataset.status = video.status;
    setText(this.titleLink, video.title);
    this.titleLink.title = video.title;
    this.moreButton.setAttribute("aria-label", `Actions for ${video.title}`);
    this.pick.setAttribute("aria-label", `Select ${video.title}`);
    const errored = video.status === "errored";
    this.failure.hidden = !errored;
    this.poster.hidden = errored;
    if (errored) setText(this.failureText, errorText(video));
    this.chamber.fill(isPlayable(video) ? 0 : video.progress);
    setText(
      this.duration,
      video.duration_ms !== null && isPlayable(video) ? clock(video.duration_ms / 1000) : "",
    );
    setText(this.badge, badgeText(video));
    this.showPicture(video.poster);
    this.showMeta();
  }

  /** Says which place the video has among those picked, from 1; 0 where it is not picked. */
  showPlace(place: number): void {
    this.pick.setAttribute("aria-pressed", String(place > 0));
    setText(this.place, place > 0 ? String(place) : "");
  }

  /** Draws how much of it this browser has watched, from 0 to 1. */
  setWatched(fraction: number): void {
    this.watched.hidden = fraction < 0.01;
    this.watched.style.setProperty("--watched", `${Math.min(1, fraction) * 100}%`);
  }

  /** Renews the words that age, such as "2 minutes ago". */
  showMeta(): void {
    setText(this.meta, metaText(this.shown, Date.now()));
  }

  private showPicture(url: string | null): void {
    if (url === null || this.image.getAttribute("src") === url) return;
    this.image.src = url;
  }
}

function badgeText(video: Video): string {
  if (video.status === "waiting") return "Waiting";
  if (video.status === "preparing") return percent(video.progress);
  return "";
}

function metaText(video: Video, nowMs: number): string {
  if (video.status === "errored") return `Not playable · ${origin(video)}`;
  if (!isPlayable(video)) return progressText(video);
  if (video.status === "playable") return `Plays · more qualities at ${percent(video.progress)}`;
  const parts = [pictureSize(video), origin(video), ago(video.created_at, nowMs)];
  return parts.filter((part) => part !== null).join(" · ");
}

function pictureSize(video: Video): string | null {
  let best: string | null = null;
  let mostPixels = 0;
  for (const { kind, width, height } of video.renditions) {
    if (kind !== "v" || width === null || height === null || width * height <= mostPixels) continue;
    mostPixels = width * height;
    best = sizeName(width, height);
  }
  return best ?? (video.renditions.length > 0 ? "Audio" : null);
}

/** Where its media come from: a file of some size, or other videos. */
function origin(video: Video): string {
  if (video.source !== null) return bytes(video.source.size_bytes);
  return video.parts.length === 1 ? "clip" : `${video.parts.length} parts`;
}
