import type { CaptionKind } from "../api/types.ts";

const WORDS: Readonly<Record<string, CaptionKind>> = {
  forced: "forced",
  foreign: "forced",
  sdh: "captions",
  cc: "captions",
  hi: "captions",
  captions: "captions",
};
const TAG = /^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i;

/** What the name of a file of subtitles says: `film.de.forced.srt` is German, and forced. */
export function readSidecarName(name: string): { readonly language: string; readonly kind: CaptionKind } {
  const words = name.split(".").slice(1, -1);
  let language = "";
  let kind: CaptionKind = "subtitles";
  for (const word of words) {
    const meant = WORDS[word.toLowerCase()];
    // `hi` is Hindi where nothing before it was a language.
    if (meant !== undefined && (word.toLowerCase() !== "hi" || language !== "")) kind = meant;
    else if (TAG.test(word)) language = word;
  }
  return { language, kind };
}
