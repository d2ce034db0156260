/** Where the child is, only if told. Coordinates live in this page's memory, a district's name as long as the tab. */

import { $, say } from "./dom.js";
import { passing } from "./storage.js";
import { PLACE } from "./words.js";

const DISTRICT = "naviyam-district";
const LOOK_MS = 10_000;

/** Make the place and its dialog; `changed()` hears when it is another one. */
export function whereabouts() {
  let point = null;
  let district = passing.get(DISTRICT) ?? "";

  function show() {
    const known = point !== null || district !== "";
    $("place-name").textContent = point ? PLACE.here : district || PLACE.none;
    $("place-change").textContent = known ? PLACE.change : PLACE.pick;
  }

  function set(name, at) {
    point = at;
    district = name;
    if (name) passing.set(DISTRICT, name);
    else passing.drop(DISTRICT);
    show();
  }

  function look() {
    const said = $("here-said");
    if (!navigator.geolocation || !window.isSecureContext) {
      said.textContent = PLACE.denied;
      return;
    }
    said.textContent = PLACE.looking;
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => {
        set("", { latitude: metres(coords.latitude), longitude: metres(coords.longitude) });
        $("place").close();
        say(PLACE.ready);
      },
      (error) => {
        said.textContent = error.code === error.PERMISSION_DENIED ? PLACE.denied : PLACE.failed;
      },
      { timeout: LOOK_MS, maximumAge: 60_000 },
    );
  }

  $("open-place").addEventListener("click", () => {
    $("district").value = district;
    $("here-said").textContent = point ? PLACE.ready : "";
    $("place").showModal();
  });
  $("here").addEventListener("click", look);
  $("place-form").addEventListener("submit", () => {
    const name = $("district").value.trim();
    if (name) set(name, null);
  });
  $("place-clear").addEventListener("click", () => {
    set("", null);
    $("district").value = "";
    $("here-said").textContent = PLACE.cleared;
  });
  show();

  return {
    get point() {
      return point;
    },
    get district() {
      return district;
    },
    /** What POST /chat calls its context. */
    context() {
      return { ...point, ...(district && { district }) };
    },
    clear() {
      set("", null);
    },
  };
}

/** Ten metres are exact enough for a walk. */
function metres(degrees) {
  return Math.round(degrees * 10_000) / 10_000;
}
