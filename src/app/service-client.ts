// SPDX-License-Identifier: GPL-3.0-or-later
/** Calls a running service over HTTP, as any client can. */
import { StartError } from '../core/errors.ts';

/** One call. A `key` is sent as `Authorization: Bearer`. */
export type ServiceCall = {
  method?: 'GET' | 'POST';
  path: string;
  key: string | undefined;
  headers?: Record<string, string>;
  body?: object;
  /** It only reads, although it is a POST. */
  changesNothing?: boolean;
};

/** The answer to a call was lost: the service may have done what the call asks for. */
export class LostAnswerError extends Error {
  override readonly name = 'LostAnswerError';
}

const timeoutMs = 30_000;

/** The origin of the URL of a service. Rejects with a `StartError` what is none. */
export function originOf(url: string): string {
  try {
    const { protocol, origin, username, password } = new URL(url);
    if (/^https?:$/.test(protocol) && username + password === '') return origin;
  } catch {
    // Reported below, without a URL that may hold a password.
  }
  throw new StartError('the URL must be http://host:port or https://host:port');
}

/**
 * Sends a call and returns the whole answer. Rejects with a `StartError` that says what to do when the call did not reach
 * the service, or only reads; else with a `LostAnswerError`.
 */
export async function sendTo(
  origin: string,
  { method = 'GET', path, key, headers, body, changesNothing = method === 'GET' }: ServiceCall,
): Promise<{ status: number; text: string }> {
  try {
    const response = await fetch(origin + path, {
      method,
      headers: { ...headers, ...(key !== undefined && { Authorization: `Bearer ${key}` }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    });
    return { status: response.status, text: await response.text() };
  } catch (error) {
    if (!changesNothing && !isNotSent(error)) throw new LostAnswerError('', { cause: error });
    throw noAnswerBy(origin, error);
  }
}

/** A problem as the API returns it. */
export type ProblemBody = { code: string; detail: string };

/** The whole answer to a call, with its text as it came. */
export type ServiceAnswer<Body> =
  | { isDone: true; status: number; text: string; body: Body }
  | { isDone: false; status: number; text: string; body: ProblemBody };

/**
 * Sends a call, and reads its answer: what it asks for with `member`, or a problem. Rejects as `sendTo` does, and with a
 * `StartError` when something else answers than the service.
 */
export async function answerTo<Body>(
  origin: string,
  call: ServiceCall,
  member: string,
): Promise<ServiceAnswer<Body>> {
  const { status, text } = await sendTo(origin, call);
  try {
    const body = JSON.parse(text);
    if (status < 300 && member in body) return { isDone: true, status, text, body };
    if (status >= 400 && 'code' in body) return { isDone: false, status, text, body };
  } catch {
    // Not JSON, so no answer of the service.
  }
  throw notFirstcome(origin, status);
}

/** What the service says, and what to do about it: `lines` for the codes of a command. */
export function refusalBy(
  origin: string,
  { code, detail }: ProblemBody,
  lines: Record<string, string[]> = {},
): StartError {
  const ofAll: Record<string, string[]> = {
    unauthorized: [
      `the service at ${origin} wants a valid key (401)`,
      'Set ADMIN_API_KEY to the admin key of the service.',
    ],
    forbidden: [detail, 'Set ADMIN_API_KEY to the admin key of the service.'],
    route_not_found: [
      `the service at ${origin} has no such call`,
      'Set the address of a service of this version with --url.',
    ],
  };
  const others = [`${detail} (${code})`, ...(isForNow.has(code) ? [runAgain] : [])];
  return new StartError((lines[code] ?? ofAll[code] ?? others).join('\n'));
}

const isForNow = new Set(['overloaded', 'unavailable', 'rate_limited']);
const runAgain = 'This call has changed nothing. Run it again later.';

const notSentCodes = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** The fault of a call that was not answered. */
export function noAnswerBy(origin: string, cause: unknown): StartError {
  return new StartError(
    `the service at ${origin} does not answer\nStart it, or set its address with --url.`,
    { cause },
  );
}

/** The fault of a call that something else has answered. */
export function notFirstcome(origin: string, status: number | undefined): StartError {
  return new StartError(
    `what answers at ${origin} is no firstcome${status === undefined ? '' : ` (${status})`}\n` +
      'Set the address of the service with --url.',
  );
}

/** Whether no connection was opened. Where several addresses were tried, none of them answered. */
export function isNotSent(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: string } };
  return cause?.code !== undefined && notSentCodes.has(cause.code);
}
