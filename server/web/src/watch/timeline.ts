/** Closer to the end than this, in seconds, is at it: the last picture is what is shown there. */
const AT_END_S = 0.002;
/** Media that end no later than this after the video, in seconds, end with it. */
const SLACK_S = 0.02;
const LONGEST_TIMER_MS = 60_000;

const TELLING = ["timeupdate", "seeking", "seeked", "durationchange", "progress", "emptied", "play", "pause"];

/**
 * The video's own time, in seconds from its beginning. Media hold whole segments, so those of a clip begin before the clip
 * and end after it; the element's time counts from where the media begin.
 */
export class Timeline {
  private startS = 0;
  private endS = Number.POSITIVE_INFINITY;
  private stopped = false;
  /** Where the viewer wants playing to stop this once, in the time of the media. */
  private pauseAtS = Number.POSITIVE_INFINITY;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly whenChanged: (() => void)[] = [];
  private readonly whenEnded: (() => void)[] = [];

  constructor(private readonly video: HTMLVideoElement) {
    for (const name of TELLING) video.addEventListener(name, () => this.changed());
    for (const name of ["playing", "ratechange"]) video.addEventListener(name, () => this.guard());
    for (const name of ["timeupdate", "seeked"]) video.addEventListener(name, () => this.guard());
    video.addEventListener("ended", () => this.end());
  }

  /** Says where in the media the video begins and ends; without an end, with the media. */
  use(startMs: number, endMs: number | null): void {
    this.startS = startMs / 1000;
    this.endS = endMs === null ? Number.POSITIVE_INFINITY : endMs / 1000;
    this.stopped = false;
    this.changed();
  }

  /** Calls this whenever a position, the duration or what is buffered may be another. */
  onChange(listener: () => void): void {
    this.whenChanged.push(listener);
  }

  /** Calls this when playing has come to the end. */
  onEnd(listener: () => void): void {
    this.whenEnded.push(listener);
  }

  get position(): number {
    return Math.min(this.duration, Math.max(0, this.video.currentTime - this.startS));
  }

  /** How long the video is; 0 while that is unknown. */
  get duration(): number {
    const mediaS = this.video.duration;
    return Number.isFinite(mediaS) ? Math.max(0, Math.min(mediaS, this.endS) - this.startS) : 0;
  }

  get ended(): boolean {
    return this.video.ended || this.stopped;
  }

  /** What can be played at once: stretches of the video, in rising order. */
  get buffered(): readonly (readonly [number, number])[] {
    const { buffered } = this.video;
    const found: (readonly [number, number])[] = [];
    for (let at = 0; at < buffered.length; at += 1) {
      const start = Math.max(0, buffered.start(at) - this.startS);
      const end = Math.min(this.duration, buffered.end(at) - this.startS);
      if (start < end) found.push([start, end]);
    }
    return found;
  }

  /** Plays a stretch, and stops after it. */
  playStretch(startS: number, endS: number): void {
    this.seek(startS);
    this.pauseAtS = this.toMedia(endS);
    // A browser that wants a gesture first refuses; what called this was one.
    this.video.play().catch(() => undefined);
  }

  /** Goes to a position, or to the nearest there is. */
  seek(seconds: number): void {
    this.pauseAtS = Number.POSITIVE_INFINITY;
    const lastS = this.endsEarly ? this.duration - AT_END_S / 2 : this.duration;
    const position = Math.max(0, Math.min(lastS, seconds));
    this.stopped = false;
    this.video.currentTime = this.toMedia(position);
  }

  /** Where in the media a position is. */
  toMedia(seconds: number): number {
    return this.startS + seconds;
  }

  private get endsEarly(): boolean {
    return this.endS < this.video.duration - SLACK_S;
  }

  /** Stops at the end of the video where the media go on, and of a stretch. */
  private guard(): void {
    clearTimeout(this.timer);
    const { video } = this;
    const restS = this.stopS - video.currentTime;
    if (restS > AT_END_S) {
      if (video.paused || restS === Number.POSITIVE_INFINITY) return;
      const waitMs = Math.min(LONGEST_TIMER_MS, (1000 * restS) / (video.playbackRate || 1));
      this.timer = setTimeout(() => this.guard(), waitMs);
      return;
    }
    if (this.stopped || video.seeking) return;
    // The time that was read can be a moment old: what plays may have come to the first picture that is no more of it.
    const behind = restS <= 0 || !video.paused;
    video.pause();
    if (behind) video.currentTime = this.stopS - AT_END_S / 2;
    if (this.pauseAtS < this.stopAtEndS) {
      this.pauseAtS = Number.POSITIVE_INFINITY;
      return;
    }
    this.stopped = true;
    this.end();
  }

  private get stopAtEndS(): number {
    return this.endsEarly ? this.endS : Number.POSITIVE_INFINITY;
  }

  private get stopS(): number {
    return Math.min(this.pauseAtS, this.stopAtEndS);
  }

  private end(): void {
    this.changed();
    for (const listener of this.whenEnded) listener();
  }

  private changed(): void {
    for (const listener of this.whenChanged) listener();
  }
}
