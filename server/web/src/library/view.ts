import { deleteVideo, getHistory, getVideo, type Listing, listVideos } from "../api/client.ts";
import { Poller } from "../api/poller.ts";
import { ApiError } from "../api/problem.ts";
import { isChanging, isPlayable, type Video, type VideoPage } from "../api/types.ts";
import { copyText } from "../dom/clipboard.ts";
import { setText } from "../dom/element.ts";
import { toggleMenu } from "../dom/menu.ts";
import { notify } from "../dom/notice.ts";
import { errorText } from "../stage.ts";
import { viewerId } from "../viewer.ts";
import { VideoCard } from "./card.ts";
import type { ConfirmDelete } from "./confirm.ts";
import type { Panels } from "./panels.ts";
import { editTitle } from "./rename.ts";
import type { Selection } from "./selection.ts";
import type { SubtitlesDialog } from "./subtitles.ts";

const PAGE_SIZE = 24;
const POLLED_AT_ONCE = 6;
const RETRY_MS = 5000;

export interface Surroundings {
  readonly selection: Selection;
  readonly grid: HTMLOListElement;
  readonly more: HTMLButtonElement;
  readonly panels: Panels;
  readonly notices: HTMLElement;
  readonly live: HTMLElement;
  readonly confirm: ConfirmDelete;
  readonly subtitles: SubtitlesDialog;
}

/** The grid of videos: what is shown, what is asked of the server, and when. */
export class LibraryView {
  private readonly cards = new Map<string, VideoCard>();
  private readonly poller = new Poller(() => this.poll());
  private readonly watched = new Map<string, number>();
  private listing: Listing = { q: "", sort: "" };
  private cursor: string | null = null;
  private asking: AbortController | null = null;
  private retry: ReturnType<typeof setTimeout> | null = null;
  private readonly nearEnd: IntersectionObserver;

  constructor(private readonly around: Surroundings) {
    around.more.addEventListener("click", () => void this.loadMore());
    this.nearEnd = new IntersectionObserver(
      (entries) => {
        // A busy page hears of several changes at once, in their order: the last is how it is now.
        if (entries.at(-1)?.isIntersecting && !around.more.hidden) void this.loadMore();
      },
      { rootMargin: "400px" },
    );
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.asking === null) void this.refresh();
    });
  }

  announce(message: string): void {
    setText(this.around.live, message);
  }

  /** Says that something became of a video, with a way to it. */
  tellOf(video: Video, message: string): void {
    notify(this.around.notices, message, {
      action: { label: "Watch", run: () => location.assign(`/watch/${encodeURIComponent(video.id)}`) },
    });
  }

  /** Shows the videos that match, from the first page. */
  async show(listing: Listing): Promise<void> {
    this.listing = listing;
    const { panels, grid } = this.around;
    if (this.cards.size === 0) panels.loading();
    else grid.setAttribute("aria-busy", "true");
    const page = await this.ask({ ...listing, limit: PAGE_SIZE });
    if (page === null) return;
    this.cards.clear();
    grid.replaceChildren();
    grid.removeAttribute("aria-busy");
    this.append(page.data);
    this.cursor = page.has_more ? page.next_cursor : null;
    this.settle();
  }

  /** Puts a video that was just uploaded in front. */
  prepend(video: Video): void {
    const card = this.cardFor(video);
    this.around.grid.prepend(card.element);
    card.element.classList.add("fresh");
    this.settle();
  }

  /** Shades how much of each video this browser has watched. A convenience: without an answer nothing is shaded. */
  async showWatched(): Promise<void> {
    const entries = await getHistory(viewerId()).catch(() => []);
    for (const { video_id, position_ms, duration_ms } of entries) {
      if (duration_ms) this.watched.set(video_id, position_ms / duration_ms);
    }
    for (const [id, card] of this.cards) card.setWatched(this.watched.get(id) ?? 0);
  }

  private async loadMore(): Promise<void> {
    if (this.cursor === null || this.asking !== null) return;
    this.around.more.disabled = true;
    const page = await this.ask({ ...this.listing, limit: PAGE_SIZE, cursor: this.cursor });
    this.around.more.disabled = false;
    if (page === null) return;
    this.append(page.data);
    this.cursor = page.has_more ? page.next_cursor : null;
    this.settle();
  }

  /** Takes in what was added or changed elsewhere while the page was hidden, without moving what is on the screen. */
  private async refresh(): Promise<void> {
    const page = await this.ask({ ...this.listing, limit: PAGE_SIZE });
    if (page === null) return;
    for (const video of [...page.data].reverse()) {
      const known = this.cards.get(video.id);
      if (known) this.change(known, video);
      else this.around.grid.prepend(this.cardFor(video).element);
    }
    this.settle();
  }

  /** One listing request; a newer one supersedes it. Null when it failed, which is then already on the screen. */
  private async ask(listing: Listing): Promise<VideoPage | null> {
    this.asking?.abort();
    const asking = new AbortController();
    this.asking = asking;
    if (this.retry !== null) clearTimeout(this.retry);
    try {
      const page = await listVideos(listing, asking.signal);
      this.around.panels.connected();
      return page;
    } catch (error) {
      if (asking.signal.aborted) return null;
      if (!(error instanceof ApiError)) throw error;
      this.failed(error);
      return null;
    } finally {
      if (this.asking === asking) this.asking = null;
    }
  }

  private failed(error: ApiError): void {
    const again = (): void => void this.show(this.listing);
    this.around.grid.removeAttribute("aria-busy");
    if (this.cards.size > 0) this.around.panels.disconnected(error.message, again);
    else this.around.panels.unreachable(error.message, again);
    if (error.isOutage) this.retry = setTimeout(again, RETRY_MS);
  }

  private append(videos: readonly Video[]): void {
    for (const video of videos) {
      if (!this.cards.has(video.id)) this.around.grid.append(this.cardFor(video).element);
    }
  }

  private cardFor(video: Video): VideoCard {
    const known = this.cards.get(video.id);
    if (known) return known;
    const card = new VideoCard(video, {
      menu: (target, button) => this.openMenu(target, button),
      remove: (target) => void this.remove(target),
    });
    card.setWatched(this.watched.get(video.id) ?? 0);
    this.cards.set(video.id, card);
    this.around.selection.fit(card);
    return card;
  }

  /** Brings everything about the grid in line with the videos in it. */
  private settle(): void {
    const { panels, more } = this.around;
    more.hidden = this.cursor === null;
    // It tells of changes only, and again of what it sees first: the end may still be near.
    this.nearEnd.unobserve(more);
    this.nearEnd.observe(more);
    if (this.cards.size > 0) panels.none();
    else if (this.listing.q === "") panels.empty();
    else panels.noMatch(this.listing.q);
    for (const card of this.cards.values()) this.around.selection.update(card);
    if ([...this.cards.values()].some(({ video }) => isChanging(video))) this.poller.start();
    else this.poller.stop();
  }

  private async poll(): Promise<boolean> {
    const changing = [...this.cards.values()].filter(({ video }) => isChanging(video));
    let changed = false;
    for (let at = 0; at < changing.length; at += POLLED_AT_ONCE) {
      const some = changing.slice(at, at + POLLED_AT_ONCE);
      const outcomes = await Promise.all(some.map((card) => this.pollOne(card)));
      changed ||= outcomes.some(Boolean);
    }
    for (const card of this.cards.values()) card.showMeta();
    this.settle();
    return changed;
  }

  private async pollOne(card: VideoCard): Promise<boolean> {
    try {
      const { video } = await getVideo(card.video.id);
      this.around.panels.connected();
      return this.change(card, video);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status === 404) this.drop(card);
      else if (error.isOutage) {
        this.around.panels.disconnected(error.message, () => void this.show(this.listing));
      }
      return false;
    }
  }

  private change(card: VideoCard, video: Video): boolean {
    const before = card.video;
    card.update(video);
    if (!isPlayable(before) && isPlayable(video)) this.announce(`${video.title} is ready to watch`);
    if (before.status !== "errored" && video.status === "errored") {
      this.announce(`${video.title} cannot be played. ${errorText(video)}`);
    }
    return (
      before.status !== video.status || before.progress !== video.progress || before.stage !== video.stage
    );
  }

  private drop(card: VideoCard): void {
    this.cards.delete(card.video.id);
    card.element.remove();
    this.around.selection.forget(card.video);
  }

  private openMenu(card: VideoCard, button: HTMLButtonElement): void {
    const rename = {
      label: "Rename",
      icon: "pencil",
      run: () => editTitle(card, (message) => notify(this.around.notices, message, { error: true })),
    } as const;
    const join = {
      label: "Join with others",
      icon: "join",
      run: () => this.around.selection.enter(card),
    } as const;
    const copy = { label: "Copy link", icon: "link", run: () => void this.copyLink(card) } as const;
    const remove = {
      label: "Delete",
      icon: "trash",
      danger: true,
      run: () => void this.remove(card),
    } as const;
    const subtitles = {
      label: "Subtitles",
      icon: "captions",
      run: () => void this.around.subtitles.open(card.video),
    } as const;
    const text = card.video.source === null ? [] : [subtitles]; // an edit has that of its films
    const ways = isPlayable(card.video) ? [copy, join] : [copy];
    const items = card.video.status === "errored" ? [rename, remove] : [rename, ...ways, ...text, remove];
    toggleMenu(button, `Actions for ${card.video.title}`, items);
  }

  private async copyLink(card: VideoCard): Promise<void> {
    const copied = await copyText(new URL(card.titleLink.href, location.href).href);
    notify(
      this.around.notices,
      copied ? "Link copied" : `Could not copy. The link is ${card.titleLink.href}`,
    );
  }

  private async remove(card: VideoCard): Promise<void> {
    if (!(await this.around.confirm.ask(card.video.title))) return;
    card.element.classList.add("leaving");
    try {
      await deleteVideo(card.video.id);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 404) {
        card.element.classList.remove("leaving");
        notify(this.around.notices, `“${card.video.title}” was not deleted. ${error.message}`, {
          error: true,
        });
        return;
      }
    }
    this.focusNeighbour(card);
    this.drop(card);
    this.settle();
    notify(this.around.notices, `“${card.video.title}” was deleted`);
  }

  /** A person at the keyboard goes on from where the deleted card was. */
  private focusNeighbour(card: VideoCard): void {
    const next = card.element.nextElementSibling ?? card.element.previousElementSibling;
    next?.querySelector<HTMLElement>("h2 a")?.focus();
  }
}
