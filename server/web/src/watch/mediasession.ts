import type { Commands } from "./keyboard.ts";

/** Gives the system's media keys and lock screen the title, the picture and the buttons. */
export function describeToSystem(commands: Commands, title: string, poster: string | null): void {
  const session = navigator.mediaSession;
  if (!session) return;
  session.metadata = new MediaMetadata({ title, artist: "Sluice", artwork: poster ? [{ src: poster }] : [] });
  session.setActionHandler("play", () => commands.togglePlay());
  session.setActionHandler("pause", () => commands.togglePlay());
  session.setActionHandler("seekbackward", ({ seekOffset }) => commands.seekBy(-(seekOffset ?? 10)));
  session.setActionHandler("seekforward", ({ seekOffset }) => commands.seekBy(seekOffset ?? 10));
}
