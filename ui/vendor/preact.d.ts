// What the page uses of it, for the type checker alone.
export function h(type: any, props?: any, ...children: any[]): any;
export function render(what: any, into: Element): void;
export const Fragment: any;
