import { h, setText } from "../dom/element.ts";
import { icon } from "../dom/icon.ts";

const SKELETONS = 8;

/** What stands in place of the grid: loading, empty, nothing found, no server; and the line above it when contact is lost. */
export class Panels {
  private readonly banner: HTMLElement;
  private readonly bannerText = h("span", {});
  private retryNow: () => void = () => undefined;
  private shown = "";

  constructor(
    private readonly host: HTMLElement,
    private readonly actions: { choose(): void; clearSearch(): void },
  ) {
    const retry = h("button", { type: "button", class: "link" }, "Try now");
    retry.addEventListener("click", () => this.retryNow());
    this.banner = h(
      "p",
      { class: "banner", role: "status", hidden: true },
      icon("alert"),
      this.bannerText,
      retry,
    );
    host.before(this.banner);
  }

  none(): void {
    this.place("none");
  }

  loading(): void {
    if (this.shown.startsWith("unreachable")) return;
    const holder = h("div", { class: "grid skeletons", "aria-hidden": "true" });
    holder.append(...Array.from({ length: SKELETONS }, () => h("span", { class: "skeleton" })));
    this.place("loading", holder);
  }

  empty(): void {
    const choose = h(
      "button",
      { type: "button", class: "button primary large" },
      icon("plus"),
      "Choose a video",
    );
    choose.addEventListener("click", () => this.actions.choose());
    this.place(
      "empty",
      vessel(),
      h("h2", {}, "Nothing here yet"),
      h(
        "p",
        {},
        "Drop a film anywhere on this page, or choose one. It plays as soon as the first part is prepared.",
      ),
      choose,
    );
  }

  noMatch(query: string): void {
    const clear = h("button", { type: "button", class: "button" }, "Show everything");
    clear.addEventListener("click", () => this.actions.clearSearch());
    this.place(`no match ${query}`, h("h2", {}, `Nothing matches “${query}”`), clear);
  }

  unreachable(reason: string, retry: () => void): void {
    this.banner.hidden = true;
    const button = h("button", { type: "button", class: "button" }, icon("replay"), "Try again");
    button.addEventListener("click", retry);
    this.place(
      `unreachable ${reason}`,
      h("span", { class: "medallion" }, icon("alert")),
      h("h2", {}, "The library is out of reach"),
      h("p", { role: "alert" }, `${reason} This page keeps trying.`),
      button,
    );
  }

  disconnected(reason: string, retry: () => void): void {
    this.retryNow = retry;
    setText(this.bannerText, `${reason} What you see may be out of date.`);
    this.banner.hidden = false;
  }

  connected(): void {
    this.banner.hidden = true;
  }

  private place(key: string, ...children: Node[]): void {
    if (this.shown === key) return;
    this.shown = key;
    this.host.hidden = children.length === 0;
    this.host.className = `panel ${key.split(" ")[0]}`;
    this.host.replaceChildren(...children);
  }
}

/** The mark, large, with moving water: the invitation of an empty library. */
function vessel(): HTMLElement {
  return h("span", { class: "vessel", "aria-hidden": "true" }, h("span", { class: "vessel-water" }));
}
