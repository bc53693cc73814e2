import { recall, remember } from "../viewer.ts";
import type { Choice, Engine, TextChoice } from "./engine.ts";
import { type Option, Panel } from "./panel.ts";

const TEXT_KEY = "sluice.subtitles";
const SOUND_KEY = "sluice.sound";
const OFF = "off";

/**
 * The panel with subtitles and sound, and what this browser remembers of them for the next film. While subtitles are
 * off, forced ones of the language that is heard are shown all the same: they are for those who understand it.
 */
export class Languages {
  readonly panel: Panel;
  private engine: Engine | null = null;
  private isOff = true;
  private settled = "";

  constructor(
    private readonly onText: (track: TextTrack | null) => void,
    onToggle: (open: boolean) => void,
  ) {
    this.panel = new Panel({
      name: "Subtitles and sound",
      glyph: "captions",
      columns: () => [
        { title: "Subtitles", options: this.textOptions() },
        { title: "Sound", options: this.soundOptions() },
      ],
      onToggle,
    });
    this.panel.button.hidden = true;
  }

  use(engine: Engine | null): void {
    this.engine = engine;
    this.refresh();
  }

  /** Takes note of what there is to choose from now. */
  refresh(): void {
    const { engine } = this;
    const texts = engine?.textTracks ?? [];
    const sounds = engine?.audioTracks ?? [];
    this.panel.button.hidden = texts.length === 0 && sounds.length < 2;
    this.settle(texts, sounds);
    this.onText(engine?.shownText ?? null);
    this.panel.button.classList.toggle("on", !this.isOff);
    this.panel.refresh();
  }

  /** Subtitles on or off: the ones remembered, else those the viewer reads best. Says what is shown now. */
  toggleText(): string {
    const texts = this.engine?.textTracks ?? [];
    if (texts.length === 0) return "No subtitles";
    if (this.isOff) {
      const wanted = texts.find((each) => each.key === recall(`${TEXT_KEY}.last`)) ?? readable(texts);
      this.chooseText(wanted ?? texts[0] ?? null);
    } else {
      this.chooseText(null);
    }
    const shown = texts.find(({ id }) => id === this.engine?.textTrack);
    return this.isOff || shown === undefined ? "Subtitles off" : shown.label;
  }

  /** Chooses what is remembered, once for each list of tracks. */
  private settle(texts: readonly TextChoice[], sounds: readonly Choice[]): void {
    const list = JSON.stringify([texts.map(({ key }) => key), sounds.map(({ label }) => label)]);
    if (this.engine === null || list === this.settled) return;
    this.settled = list;
    const sound = sounds.find(({ label }) => label === recall(SOUND_KEY));
    if (sound !== undefined && sound.id !== this.engine.audioTrack) this.engine.chooseAudio(sound.id);
    const wanted = recall(TEXT_KEY);
    const text = texts.find(({ key }) => key === wanted);
    const preset = texts.find(({ id }) => id === this.engine?.textTrack);
    if (text !== undefined) this.show(text);
    else if (wanted === null && preset !== undefined) this.show(preset);
    else this.show(null);
  }

  private chooseText(choice: TextChoice | null): void {
    remember(TEXT_KEY, choice === null ? OFF : choice.key);
    if (choice !== null) remember(`${TEXT_KEY}.last`, choice.key);
    this.show(choice);
    this.refresh();
  }

  private show(choice: TextChoice | null): void {
    this.isOff = choice === null;
    this.engine?.chooseText(choice?.id ?? this.forced()?.id ?? -1);
  }

  /** The forced subtitles of the language that is heard. */
  private forced(): TextChoice | undefined {
    const language = this.engine?.audioLanguage ?? "";
    return this.engine?.textTracks.find((each) => each.isForced && each.language === language);
  }

  private textOptions(): Option[] {
    const texts = this.engine?.textTracks ?? [];
    if (texts.length === 0) return [];
    const off: Option = { label: "Off", detail: "", chosen: this.isOff, choose: () => this.chooseText(null) };
    const choices = texts.map((each) => ({
      label: each.label,
      detail: each.detail,
      chosen: !this.isOff && this.engine?.textTrack === each.id,
      choose: () => this.chooseText(each),
    }));
    return [off, ...choices];
  }

  private soundOptions(): Option[] {
    const sounds = this.engine?.audioTracks ?? [];
    if (sounds.length < 2) return [];
    return sounds.map(({ id, label, detail }) => ({
      label,
      detail,
      chosen: this.engine?.audioTrack === id,
      choose: () => {
        remember(SOUND_KEY, label);
        this.engine?.chooseAudio(id);
        if (this.isOff) this.show(null); // other forced ones may be due
      },
    }));
  }
}

/** The first track in a language of the viewer's browser, by the order of these; else the first that is not forced. */
function readable(texts: readonly TextChoice[]): TextChoice | undefined {
  const whole = texts.filter(({ isForced }) => !isForced);
  for (const wanted of navigator.languages.map(primary)) {
    const found = whole.find(({ language }) => primary(language) === wanted);
    if (found !== undefined) return found;
  }
  return whole[0];
}

function primary(language: string): string {
  return language.split("-")[0]?.toLowerCase() ?? "";
}
