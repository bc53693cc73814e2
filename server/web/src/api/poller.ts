const FIRST_MS = 1000;
const LONGEST_MS = 15_000;
const GROWTH = 1.5;

/**
 * Asks again and again while there is something to wait for: quickly after a change, ever more slowly while nothing
 * changes, and not at all while the page is hidden.
 */
export class Poller {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private delayMs = FIRST_MS;
  private running = false;
  private wanted = false;

  /** @param ask resolves to whether anything changed; it must not reject. */
  constructor(private readonly ask: () => Promise<boolean>) {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.pause();
      else if (this.wanted) this.soon();
    });
  }

  /** There is something to wait for. */
  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.soon();
  }

  stop(): void {
    this.wanted = false;
    this.pause();
  }

  private soon(): void {
    this.delayMs = FIRST_MS;
    this.schedule();
  }

  private pause(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }

  private schedule(): void {
    this.pause();
    if (!this.wanted || this.running || document.hidden) return;
    this.timer = setTimeout(() => void this.turn(), this.delayMs);
  }

  private async turn(): Promise<void> {
    this.timer = null;
    this.running = true;
    const changed = await this.ask();
    this.running = false;
    this.delayMs = changed ? FIRST_MS : Math.min(LONGEST_MS, this.delayMs * GROWTH);
    this.schedule();
  }
}
