/** The library page. */

import "../styles/library.css";
import "../styles/join.css";
import { required } from "../dom/element.ts";
import { ConfirmDelete } from "./confirm.ts";
import { JoinDialog } from "./join.ts";
import { Panels } from "./panels.ts";
import { Selection } from "./selection.ts";
import { SubtitlesDialog } from "./subtitles.ts";
import { acceptDrops, Uploads } from "./uploads.ts";
import { LibraryView } from "./view.ts";

const TYPING_PAUSE_MS = 250;

const search = required("#search", HTMLInputElement);
const sort = required("#sort", HTMLSelectElement);
const picker = required("#picker", HTMLInputElement);

const panels = new Panels(required("#panel", HTMLElement), {
  choose: () => picker.click(),
  clearSearch: () => {
    search.value = "";
    showListing();
    search.focus();
  },
});

const join = new JoinDialog((video) => {
  selection.leave();
  view.prepend(video);
  view.tellOf(video, `“${video.title}” is in the library`);
});

const selection = new Selection(required("#grid", HTMLOListElement), required("#select", HTMLButtonElement), {
  join: (videos) => join.open(videos),
  announce: (message) => view.announce(message),
});

const view = new LibraryView({
  selection,
  grid: required("#grid", HTMLOListElement),
  more: required("#more", HTMLButtonElement),
  panels,
  notices: required("#notices", HTMLElement),
  live: required("#live", HTMLElement),
  confirm: new ConfirmDelete(),
  subtitles: new SubtitlesDialog(),
});

const uploads = new Uploads(required("#uploads", HTMLElement), {
  uploaded: (video) => view.prepend(video),
  announce: (message) => view.announce(message),
});

/** Shows what the search field and the sort box say, and puts both into the address so that it can be shared. */
function showListing(): void {
  const query = new URLSearchParams();
  const q = search.value.trim();
  if (q !== "") query.set("q", q);
  if (sort.selectedIndex > 0) query.set("sort", sort.value);
  const text = query.toString();
  history.replaceState(null, "", text === "" ? location.pathname : `?${text}`);
  void view.show({ q, sort: sort.value });
}

function readAddress(): void {
  const query = new URLSearchParams(location.search);
  search.value = query.get("q") ?? "";
  const wanted = query.get("sort");
  if ([...sort.options].some(({ value }) => value === wanted)) sort.value = wanted ?? "";
}

let typing: ReturnType<typeof setTimeout> | undefined;
search.addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(showListing, TYPING_PAUSE_MS);
});
required("#search-form", HTMLFormElement).addEventListener("submit", (event) => {
  event.preventDefault();
  clearTimeout(typing);
  showListing();
});
sort.addEventListener("change", showListing);

required("#upload", HTMLButtonElement).addEventListener("click", () => picker.click());
picker.addEventListener("change", () => {
  uploads.add([...(picker.files ?? [])]);
  picker.value = "";
});
acceptDrops(required("#curtain", HTMLElement), (files) => uploads.add([...files]));

document.addEventListener("keydown", (event) => {
  const typingNow = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key !== "/" || typingNow || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  search.focus();
  search.select();
});

readAddress();
showListing();
void view.showWatched();
