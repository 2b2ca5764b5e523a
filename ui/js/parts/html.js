// Templates without a build: htm turns them into Preact's elements.

import { Fragment, h } from "../../vendor/preact.js";
import htm from "../../vendor/htm.js";

export const html = htm.bind(h);
export { Fragment };
