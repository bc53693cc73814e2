import { h } from "../dom/element.ts";
import { icon, setIcon } from "../dom/icon.ts";

/** iPhones put only the video element itself on the full screen, and by another name. */
interface AppleVideo extends HTMLVideoElement {
  webkitEnterFullscreen?(): void;
}

/** Full screen and picture in picture, with their buttons. */
export class Screen {
  readonly fullButton: HTMLButtonElement;
  readonly pipButton: HTMLButtonElement;
  private readonly glyph = icon("expand");

  constructor(
    private readonly stage: HTMLElement,
    private readonly video: HTMLVideoElement,
  ) {
    this.fullButton = h("button", { type: "button", class: "control" }, this.glyph);
    this.fullButton.addEventListener("click", () => this.toggleFull());
    this.pipButton = h("button", { type: "button", class: "control pip", title: "Picture in picture (p)" });
    this.pipButton.setAttribute("aria-label", "Picture in picture");
    this.pipButton.append(icon("pip"));
    this.pipButton.hidden = !document.pictureInPictureEnabled;
    this.pipButton.addEventListener("click", () => this.togglePip());
    document.addEventListener("fullscreenchange", () => this.show());
    this.show();
  }

  get full(): boolean {
    return document.fullscreenElement === this.stage;
  }

  toggleFull(): void {
    if (this.full) void document.exitFullscreen();
    else void this.enter();
  }

  togglePip(): void {
    if (!document.pictureInPictureEnabled) return;
    // Refused until there is a picture; the button then simply does nothing.
    const asked = document.pictureInPictureElement
      ? document.exitPictureInPicture()
      : this.video.requestPictureInPicture();
    asked.catch(() => undefined);
  }

  private async enter(): Promise<void> {
    const apple: AppleVideo = this.video;
    if (!document.fullscreenEnabled) {
      apple.webkitEnterFullscreen?.();
      return;
    }
    try {
      await this.stage.requestFullscreen({ navigationUI: "hide" });
      const wide = this.video.videoWidth >= this.video.videoHeight;
      if ("lock" in screen.orientation) await screen.orientation.lock(wide ? "landscape" : "portrait");
    } catch {
      // Desktops have no orientation to lock, and a page in a frame may not be allowed the full screen.
    }
  }

  private show(): void {
    setIcon(this.glyph, this.full ? "shrink" : "expand");
    this.fullButton.setAttribute("aria-label", this.full ? "Leave full screen" : "Full screen");
    this.fullButton.title = this.full ? "Leave full screen (f)" : "Full screen (f)";
    this.stage.classList.toggle("full", this.full);
  }
}
