import { sizeName } from "../format.ts";
import {
  type Choice,
  type Engine,
  type EngineEvents,
  type TextChoice,
  textName,
  trackName,
} from "./engine.ts";
import { faultFromShaka } from "./fault.ts";

type Shaka = typeof import("shaka-player")["default"];
type ShakaPlayer = InstanceType<Shaka["Player"]>;

const CLEAR_KEY = "org.w3.clearkey";
/**
 * Nothing is loaded ahead of its turn: shaka-player 5.2 keeps an init segment that a seek broke off and asks
 * for it without end, while the picture stands still (shaka-player issue 10569).
 */
const STREAMING = { segmentPrefetchLimit: 0 };

/** DASH under ClearKey. The player comes when it is needed: it is larger than the rest of the page. */
export class ShakaEngine implements Engine {
  private player: ShakaPlayer | null = null;
  private wanted = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly events: EngineEvents,
    private readonly licence: string,
  ) {}

  load(url: string, startS: number): void {
    this.destroy();
    void this.begin(url, startS, this.wanted);
  }

  destroy(): void {
    this.wanted += 1;
    void this.player?.destroy();
    this.player = null;
  }

  get qualities(): readonly Choice[] {
    return this.pictures
      .map(({ id, width, height, bandwidth }) => ({
        id,
        label: width && height ? sizeName(width, height) : "Audio",
        detail: `${(bandwidth / 1_000_000).toFixed(1)} Mb/s`,
      }))
      .reverse();
  }

  get tallest(): number {
    return Math.max(0, ...this.pictures.map(({ height }) => height ?? 0));
  }

  get playing(): number | null {
    return this.pictures.find(({ active }) => active)?.id ?? null;
  }

  get fixed(): number | null {
    return this.player === null || this.player.getConfiguration().abr.enabled ? null : this.playing;
  }

  fix(quality: number | null): void {
    const track = this.pictures.find(({ id }) => id === quality);
    this.player?.configure({ abr: { enabled: track === undefined } });
    if (track !== undefined) this.player?.selectVariantTrack(track);
    this.events.changed();
  }

  get audioTracks(): readonly Choice[] {
    const tracks = this.player?.getAudioTracks() ?? [];
    return tracks.map(({ label, language }, id) => ({
      id,
      label: trackName(label ?? "", language, id),
      detail: "",
    }));
  }

  get audioTrack(): number {
    return this.player?.getAudioTracks().findIndex(({ active }) => active) ?? -1;
  }

  chooseAudio(id: number): void {
    const track = this.player?.getAudioTracks()[id];
    if (track !== undefined) this.player?.selectAudioTrack(track);
    this.events.changed();
  }

  get audioLanguage(): string {
    return this.player?.getAudioTracks()[this.audioTrack]?.language ?? "";
  }

  get textTracks(): readonly TextChoice[] {
    const tracks = this.player?.getTextTracks() ?? [];
    return tracks.map(({ label, language, forced, roles }, id) => ({
      id,
      ...textName(label ?? "", language, forced, roles.includes("caption")),
    }));
  }

  get textTrack(): number {
    return this.player?.getTextTracks().findIndex(({ active }) => active) ?? -1;
  }

  chooseText(id: number): void {
    const { player } = this;
    if (player === null || id === this.textTrack) return;
    player.selectTextTrack(player.getTextTracks()[id] ?? null);
  }

  /** Shaka shows them by itself. */
  readonly shownText = null;

  /** The variants with the sound that plays, smallest first. */
  private get pictures() {
    const variants = this.player?.getVariantTracks() ?? [];
    const audio = variants.find(({ active }) => active)?.audioId ?? variants[0]?.audioId;
    return variants.filter(({ audioId }) => audioId === audio).sort((a, b) => a.bandwidth - b.bandwidth);
  }

  private async begin(url: string, startS: number, turn: number): Promise<void> {
    try {
      const { default: shaka } = await import("shaka-player");
      shaka.polyfill.installAll();
      const player = new shaka.Player();
      if (turn !== this.wanted) return;
      this.player = player;
      await player.attach(this.video);
      player.configure({ drm: { servers: { [CLEAR_KEY]: this.licence } }, streaming: STREAMING });
      const changed = (): void => this.events.changed();
      for (const name of ["trackschanged", "adaptation", "variantchanged", "textchanged"])
        player.addEventListener(name, changed);
      player.addEventListener("error", (event) => this.events.failed(faultFromShaka(event)));
      await player.load(url, startS > 0 ? startS : null);
      changed();
    } catch (error) {
      if (turn === this.wanted) this.events.failed(faultFromShaka({ detail: error }));
    }
  }
}
