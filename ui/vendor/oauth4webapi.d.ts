// What the page uses of it, for the type checker alone.
export type AuthorizationServer = { authorization_endpoint?: string; end_session_endpoint?: string; [name: string]: unknown };
export type Client = { client_id: string };
export type TokenEndpointResponse = { access_token: string; refresh_token?: string; id_token?: string; scope?: string };
type Options = { [name: string | symbol]: unknown };
export const allowInsecureRequests: unique symbol;
export class AuthorizationResponseError extends Error { error: string; }
export function discoveryRequest(issuer: URL, options?: Options): Promise<Response>;
export function processDiscoveryResponse(issuer: URL, response: Response): Promise<AuthorizationServer>;
export function validateAuthResponse(server: AuthorizationServer, client: Client, here: URL, state?: string): URLSearchParams;
export function None(): (...given: any[]) => void;
export function authorizationCodeGrantRequest(server: AuthorizationServer, client: Client, auth: any, answer: URLSearchParams,
  redirect: string, verifier: string, options?: Options): Promise<Response>;
export function processAuthorizationCodeResponse(server: AuthorizationServer, client: Client, response: Response,
  options?: Options): Promise<TokenEndpointResponse>;
export function refreshTokenGrantRequest(server: AuthorizationServer, client: Client, auth: any, token: string,
  options?: Options): Promise<Response>;
export function processRefreshTokenResponse(server: AuthorizationServer, client: Client, response: Response): Promise<TokenEndpointResponse>;
export function getValidatedIdTokenClaims(answer: TokenEndpointResponse): { sub: string; [name: string]: unknown } | undefined;
export function generateRandomCodeVerifier(): string;
export function generateRandomState(): string;
export function generateRandomNonce(): string;
export function calculatePKCECodeChallenge(verifier: string): Promise<string>;
