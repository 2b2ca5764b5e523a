// What the page uses of it, for the type checker alone.
export function useState<T>(initial: T | (() => T)): [T, (value: T | ((before: T) => T)) => void];
export function useEffect(effect: () => void | boolean | (() => void), when?: unknown[]): void;
export function useMemo<T>(make: () => T, when: unknown[]): T;
export function useRef<T>(initial: T): { current: T };
export function useErrorBoundary(): [any, () => void];
