const DOUBLE_MS = 280;
const SIDE = 0.36;

export interface Gestures {
  /** A click with a mouse. */
  click(): void;
  doubleClick(): void;
  /** One finger, once. */
  tap(): void;
  /** Two quick taps at the left (-1) or right (1) side. */
  doubleTap(side: -1 | 1): void;
}

/** Tells clicks from taps on the picture: a mouse plays and pauses, a finger asks for the controls. */
export function listenToPointer(surface: HTMLElement, gestures: Gestures): void {
  let lastTapMs = Number.NEGATIVE_INFINITY;
  let lastSide = 0;
  let pending: ReturnType<typeof setTimeout> | undefined;
  surface.addEventListener("click", (event) => {
    if (!(event instanceof PointerEvent) || event.pointerType !== "touch") {
      gestures.click();
      return;
    }
    const box = surface.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const side = across < SIDE ? -1 : across > 1 - SIDE ? 1 : 0;
    const second = event.timeStamp - lastTapMs < DOUBLE_MS && side === lastSide;
    lastTapMs = event.timeStamp;
    lastSide = side;
    clearTimeout(pending);
    if (second && side !== 0) gestures.doubleTap(side);
    else pending = setTimeout(() => gestures.tap(), side === 0 ? 0 : DOUBLE_MS);
  });
  surface.addEventListener("dblclick", (event) => {
    if (event instanceof PointerEvent && event.pointerType === "touch") return;
    if (lastTapMs > event.timeStamp - 2 * DOUBLE_MS) return;
    gestures.doubleClick();
  });
}
