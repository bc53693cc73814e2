const QUIET_MS = 2600;

/** Hides controls and cursor when nobody moves while the film runs. */
export class Idle {
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param busy says that something holds the controls: an open menu, a drag, a pause. */
  constructor(
    private readonly stage: HTMLElement,
    private readonly busy: () => boolean,
  ) {
    stage.addEventListener("pointermove", (event) => {
      if (event.pointerType !== "touch") this.wake();
    });
    stage.addEventListener("pointerleave", (event) => {
      if (event.pointerType === "mouse") this.sleep();
    });
    stage.addEventListener("focusin", ({ target }) => {
      // A finger moves the focus too, and then decides for itself.
      if (target instanceof Element && target.matches(":focus-visible")) this.wake();
    });
  }

  get asleep(): boolean {
    return this.stage.classList.contains("idle");
  }

  wake(): void {
    this.stage.classList.remove("idle");
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.sleep(), QUIET_MS);
  }

  sleep(): void {
    clearTimeout(this.timer);
    const reading = this.stage.querySelector(":is(.controls, .middle) :focus-visible") !== null;
    if (this.busy() || reading) this.timer = setTimeout(() => this.sleep(), QUIET_MS);
    else this.stage.classList.add("idle");
  }
}
