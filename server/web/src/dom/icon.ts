/** The icons, drawn on a grid of 24 with strokes of one weight. */

const PATHS = {
  play: '<path class="solid" d="M8 5.2v13.6a.6.6 0 0 0 .92.5l10.4-6.8a.6.6 0 0 0 0-1L8.92 4.7A.6.6 0 0 0 8 5.2z"/>',
  pause: '<path class="solid" d="M7 5h3.4v14H7zM13.6 5H17v14h-3.4z"/>',
  replay: '<path d="M5 12a7 7 0 1 0 2.3-5.2"/><path d="M5 4.5v4.3h4.3"/>',
  back: '<path d="M14.5 5.5 8 12l6.5 6.5"/>',
  loud: '<path class="solid" d="M4 9.5h3.2L12 5.5v13l-4.8-4H4z"/><path d="M15 9.2a4 4 0 0 1 0 5.6M17.6 6.8a7.4 7.4 0 0 1 0 10.4"/>',
  soft: '<path class="solid" d="M4 9.5h3.2L12 5.5v13l-4.8-4H4z"/><path d="M15 9.2a4 4 0 0 1 0 5.6"/>',
  muted:
    '<path class="solid" d="M4 9.5h3.2L12 5.5v13l-4.8-4H4z"/><path d="m15.5 9.8 4.6 4.6M20.1 9.8l-4.6 4.6"/>',
  tune: '<path d="M4 7.5h9M17.5 7.5H20M4 16.5h2.5M11 16.5h9"/><circle cx="15.2" cy="7.5" r="2.2"/><circle cx="8.8" cy="16.5" r="2.2"/>',
  captions:
    '<rect x="3" y="5.5" width="18" height="13" rx="2.4"/><path d="M6.8 11h3.4M13 11h4.2M6.8 14.6h6.4M16 14.6h1.2"/>',
  pip: '<rect x="3.5" y="5" width="17" height="14" rx="2"/><rect class="solid" x="12" y="11.6" width="6" height="4.6" rx=".8"/>',
  expand: '<path d="M4.5 9.5v-5h5M19.5 9.5v-5h-5M4.5 14.5v5h5M19.5 14.5v5h-5"/>',
  shrink: '<path d="M9.5 4.5v5h-5M14.5 4.5v5h5M9.5 19.5v-5h-5M14.5 19.5v-5h5"/>',
  keyboard:
    '<rect x="3" y="6" width="18" height="12" rx="2"/><path d="M6.8 10h.01M10.3 10h.01M13.7 10h.01M17.2 10h.01M8 14.2h8"/>',
  more: '<path class="dots" d="M5.5 12h.01M12 12h.01M18.5 12h.01"/>',
  scissors:
    '<circle cx="6.5" cy="6.8" r="2.6"/><circle cx="6.5" cy="17.2" r="2.6"/><path d="m8.8 8.3 10.7 8.2M8.8 15.7 19.5 7.5"/>',
  markIn: '<path d="M9 5H5.5v14H9M10 12h8.5M15 8.5l3.5 3.5-3.5 3.5"/>',
  markOut: '<path d="M15 5h3.5v14H15M14 12H5.5M9 8.5 5.5 12 9 15.5"/>',
  join: '<rect x="3" y="6.5" width="7" height="11" rx="1.6"/><rect x="14" y="6.5" width="7" height="11" rx="1.6"/><path d="M10.2 12h3.6"/>',
  up: '<path d="m6 14.5 6-6 6 6"/>',
  down: '<path d="m6 9.5 6 6 6-6"/>',
  plus: '<path d="M12 5v14M5 12h14"/>',
  close: '<path d="m6 6 12 12M18 6 6 18"/>',
  check: '<path d="m5 12.5 4.5 4.5L19 7.5"/>',
  search: '<circle cx="10.8" cy="10.8" r="6"/><path d="m15.3 15.3 4.7 4.7"/>',
  link: '<path d="M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1M14 10a4 4 0 0 0-5.7 0l-3 3A4 4 0 0 0 11 18.7l1-1"/>',
  pencil: '<path d="m5 19 .8-3.8L16 5a2 2 0 0 1 3 3L8.8 18.2z"/>',
  trash: '<path d="M4.5 7h15M9.5 7V4.8h5V7M6.5 7l.8 12.2h9.4L17.5 7M10.2 10.5v5.5M13.8 10.5v5.5"/>',
  alert: '<circle cx="12" cy="12" r="8.2"/><path d="M12 7.8v5M12 16h.01"/>',
  chevron: '<path d="m6 9.5 6 6 6-6"/>',
  rise: '<path d="M12 19V5.5M6 11l6-6 6 6"/>',
} as const;

export type IconName = keyof typeof PATHS;

/** An icon that is decoration; the control that holds it carries the label. */
export function icon(name: IconName): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  setIcon(svg, name);
  return svg;
}

export function setIcon(svg: SVGSVGElement, name: IconName): void {
  if (svg.dataset.icon === name) return;
  svg.dataset.icon = name;
  svg.innerHTML = PATHS[name];
}
