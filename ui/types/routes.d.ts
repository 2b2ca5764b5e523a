// What may be asked, and what is answered then: derived from the API's own description, for the checker alone.

import type { components, paths } from "./api";

export type Schemas = components["schemas"];

/** Where something is, with what is answered there. */
export type Address<T> = string & { readonly answers?: T };

/** The routes that may be read, and those that may be changed by a method. */
export type Reads = { [P in keyof paths]: paths[P] extends { get: unknown } ? P : never }[keyof paths];
export type Writes<M extends "post" | "put"> = { [P in keyof paths]: paths[P] extends Record<M, unknown> ? P : never }[keyof paths];

/** The names in the braces of a path, each with its value. */
export type Filled<P extends string> = Record<Names<P>, string>;
type Names<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | Names<Rest> : never;

type Json<T> = { content: { "application/json": T } };
export type Answer<P extends Reads> = paths[P] extends { get: { responses: { 200: Json<infer T> } } } ? T : never;
export type Query<P extends Reads> = paths[P] extends { get: { parameters: { query?: infer Q } } } ? Q : never;
export type Body<P extends keyof paths, M extends "post" | "put"> = paths[P] extends Record<M, { requestBody?: infer B }>
  ? NonNullable<B> extends Json<infer T> ? T : never : never;

/** One of a list's members. */
export type Item<T, K extends keyof T> = T[K] extends (infer I)[] ? I : never;
