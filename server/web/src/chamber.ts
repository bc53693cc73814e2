/** The lock chamber: a picture's place that fills with water while a video is being prepared. */

const SVG = "http://www.w3.org/2000/svg";

export class Chamber {
  readonly element: HTMLElement;
  private readonly water: HTMLElement;

  constructor() {
    this.element = document.createElement("span");
    this.element.className = "chamber";
    this.element.setAttribute("aria-hidden", "true");
    this.water = document.createElement("span");
    this.water.className = "water";
    this.water.append(wave("wave far"), wave("wave near"));
    this.element.append(this.water);
  }

  /** Sets the water level, from 0 to 1. A little always shows, so that an empty chamber is seen to be filling. */
  fill(fraction: number): void {
    const level = 0.06 + 0.94 * Math.min(1, Math.max(0, fraction));
    this.water.style.transform = `translateY(${((1 - level) * 100).toFixed(1)}%)`;
  }
}

function wave(name: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", name);
  svg.setAttribute("viewBox", "0 0 240 12");
  svg.setAttribute("preserveAspectRatio", "none");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", "M0 6q15-5 30 0t30 0 30 0 30 0 30 0 30 0 30 0 30 0v6H0z");
  svg.append(path);
  return svg;
}
