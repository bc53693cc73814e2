import { type ErrorData, ErrorDetails, ErrorTypes } from "hls.js";
import type { ApiError } from "../api/problem.ts";

/** Why the picture stopped, for a person; and whether trying again helps: after a while by itself, by hand, or never. */
export interface PlaybackFault {
  readonly heading: string;
  readonly text: string;
  readonly retry: "by itself" | "by hand" | "never";
}

interface ShakaError {
  readonly category?: number;
  readonly code?: number;
  readonly data?: readonly unknown[];
}

const GONE: PlaybackFault = {
  heading: "This video is gone",
  text: "It was deleted, or the link is wrong.",
  retry: "never",
};

const REFUSED: PlaybackFault = {
  heading: "Not allowed",
  text: "The server refuses to play this here. Open the video from the library again.",
  retry: "never",
};

const LOST: PlaybackFault = {
  heading: "Connection lost",
  text: "The video cannot be fetched at the moment. It goes on by itself when the server answers again.",
  retry: "by itself",
};

const UNDECODABLE: PlaybackFault = {
  heading: "This browser cannot play it",
  text: "The video could not be decoded. Another browser, or a lower quality, may work.",
  retry: "by hand",
};

const BROKEN: PlaybackFault = {
  heading: "Playback stopped",
  text: "Something in the player went wrong. Trying again usually helps.",
  retry: "by hand",
};

export function faultFromStatus(status: number): PlaybackFault {
  if (status === 404 || status === 410) return GONE;
  if (status === 401 || status === 403 || status === 451) return REFUSED;
  return LOST;
}

export function faultFromHls(data: ErrorData): PlaybackFault {
  if (data.type === ErrorTypes.NETWORK_ERROR) return faultFromStatus(data.response?.code ?? 0);
  const codecs: string[] = [
    ErrorDetails.MANIFEST_INCOMPATIBLE_CODECS_ERROR,
    ErrorDetails.BUFFER_ADD_CODEC_ERROR,
    ErrorDetails.BUFFER_INCOMPATIBLE_CODECS_ERROR,
  ];
  if (data.type === ErrorTypes.MEDIA_ERROR || codecs.includes(data.details)) return UNDECODABLE;
  return BROKEN;
}

/** From shaka-player: a network error says which status it had (category 1, code 1001). */
export function faultFromShaka(event: unknown): PlaybackFault {
  const { category, code, data } = ((event as { detail?: unknown }).detail ?? {}) as ShakaError;
  if (category === 1) return faultFromStatus(code === 1001 ? Number(data?.[1] ?? 0) : 0);
  if (category === 6) return REFUSED;
  return category === 3 ? UNDECODABLE : BROKEN;
}

/** The file itself is at fault, and the server said why. */
export function faultFromFile(reason: string): PlaybackFault {
  return {
    heading: "This file cannot be played",
    text: `${reason} Delete it in the library and upload a sound copy.`,
    retry: "never",
  };
}

/** From a `<video>` element that plays HLS by itself. */
export function faultFromElement(error: MediaError | null): PlaybackFault {
  if (error?.code === MediaError.MEDIA_ERR_NETWORK) return LOST;
  if (error?.code === MediaError.MEDIA_ERR_DECODE) return UNDECODABLE;
  return { ...LOST, heading: "It does not start" };
}

export function faultFromApi(error: ApiError): PlaybackFault {
  if (error.status === 404 || error.status === 410) return GONE;
  if (error.isOutage) return { ...LOST, text: `${error.message} The page keeps trying.` };
  return { heading: "Not now", text: error.message, retry: "by hand" };
}
