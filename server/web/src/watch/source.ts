import type { Playback } from "../api/types.ts";

/** What to load; `licence` is where ClearKey licences are given, null where none is needed. */
export interface Source {
  readonly url: string;
  readonly licence: string | null;
}

/** hls.js decrypts whole segments by itself; what is encrypted by samples needs ClearKey, which it lacks. */
export function sourceOf({ hls, dash, drm }: Playback): Source {
  const inHls = drm === null || drm.protection.startsWith("aes-128");
  if (inHls || dash === null || drm.clearkey === null) return { url: hls, licence: null };
  return { url: dash, licence: drm.clearkey.license_url };
}
