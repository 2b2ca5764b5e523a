// A state: a shape, a word, and only then a colour.

import { lookOf, SHAPES, worded } from "../status.js";
import { html } from "./html.js";

/** @param {{look: import("../status.js").Look}} props */
export function Shape({ look }) {
  return html`<svg class="shape" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    <path d=${SHAPES[look]} fill-rule="evenodd" />
  </svg>`;
}

/** @param {{word: string | undefined, told?: string}} props `told`: said instead of the word */
export function Status({ word, told }) {
  const look = lookOf(word);
  return html`<span class="status look-${look}"><${Shape} look=${look} />${told ?? worded(word ?? "Unknown")}</span>`;
}

/** The stage as a word: production must not be known by a colour. @param {{stage: string}} props */
export function Stage({ stage }) {
  if (!stage) return null;
  return html`<span class="stage ${stage === "prod" ? "stage-prod" : ""}">${stage === "prod" ? "PROD" : stage}</span>`;
}
