import { isPlayable, type Video } from "../api/types.ts";
import { h, setText } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";
import { plural } from "../format.ts";
import type { VideoCard } from "./card.ts";

export interface SelectionEvents {
  /** The selected videos, in the order in which they were selected, are to become one. */
  join(videos: readonly Video[]): void;
  announce(message: string): void;
}

/** Picking videos in the grid: cards stop being links, and carry the place that they will have in the row. */
export class Selection {
  /** In the order in which they were picked; a search may meanwhile show others. */
  private readonly picked: Video[] = [];
  private readonly cards = new Map<string, VideoCard>();
  private readonly bar: HTMLElement;
  private readonly words = h("p", {});
  private readonly joinButton: HTMLButtonElement;

  constructor(
    private readonly grid: HTMLElement,
    private readonly toggleButton: HTMLButtonElement,
    private readonly events: SelectionEvents,
  ) {
    this.joinButton = h("button", { type: "button", class: "button primary" }, icon("join"), "Join");
    this.joinButton.addEventListener("click", () => events.join(this.picked));
    const cancel = h("button", { type: "button", class: "button" }, "Cancel");
    cancel.addEventListener("click", () => this.leave());
    this.bar = h("section", { class: "selection", "aria-label": "Selected videos", hidden: true });
    this.bar.append(this.words, cancel, this.joinButton);
    document.body.append(this.bar);
    toggleButton.addEventListener("click", () => (this.on ? this.leave() : this.enter()));
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.on || document.querySelector("dialog[open]") !== null) return;
      this.leave();
    });
  }

  get on(): boolean {
    return this.grid.classList.contains("selecting");
  }

  /** Makes a card one that can be picked; it may be another one of a video that is. */
  fit(card: VideoCard): void {
    this.cards.set(card.video.id, card);
    card.pick.addEventListener("click", () => this.toggle(card.video));
    this.update(card);
  }

  /** Takes note of what has become of a card's video. */
  update(card: VideoCard): void {
    card.pick.disabled = !isPlayable(card.video);
    card.showPlace(this.placeOf(card.video));
  }

  /** A video is no longer there. */
  forget(video: Video): void {
    this.cards.delete(video.id);
    if (this.placeOf(video) > 0) this.toggle(video);
  }

  enter(first?: VideoCard): void {
    this.grid.classList.add("selecting");
    this.toggleButton.setAttribute("aria-pressed", "true");
    this.bar.hidden = false;
    if (first !== undefined && this.placeOf(first.video) === 0) this.toggle(first.video);
    this.draw();
    const card = first?.pick ?? this.grid.querySelector<HTMLButtonElement>(".pick:not(:disabled)");
    card?.focus({ preventScroll: true });
  }

  leave(): void {
    this.grid.classList.remove("selecting");
    this.toggleButton.setAttribute("aria-pressed", "false");
    this.bar.hidden = true;
    for (const { id } of this.picked.splice(0)) this.cards.get(id)?.showPlace(0);
    this.toggleButton.focus({ preventScroll: true });
  }

  private toggle(video: Video): void {
    const place = this.placeOf(video);
    if (place === 0) this.picked.push(video);
    else this.picked.splice(place - 1, 1);
    this.cards.get(video.id)?.showPlace(0);
    this.draw();
  }

  /** Its place among those picked, from 1; 0 where it is not. */
  private placeOf(video: Video): number {
    return this.picked.findIndex(({ id }) => id === video.id) + 1;
  }

  private draw(): void {
    for (const [at, { id }] of this.picked.entries()) this.cards.get(id)?.showPlace(at + 1);
    const count = this.picked.length;
    const words =
      count === 0
        ? "Pick the videos to join, in the order in which they play"
        : count === 1
          ? "1 video selected: pick another"
          : `${plural(count, "video")} selected`;
    setText(this.words, words);
    this.joinButton.disabled = count < 2;
    this.events.announce(words);
  }
}
