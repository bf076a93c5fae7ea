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
  { method = 'GET', path, key, headers, body }: ServiceCall,
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
    if (method === 'POST' && !isNotSent(error)) throw new LostAnswerError('', { cause: error });
    throw new StartError(
      `the service at ${origin} does not answer\nStart it, or set its address with --url.`,
      { cause: error },
    );
  }
}

const notSentCodes = new Set([
  ...['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH'],
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Whether no connection was opened. Where several addresses were tried, none of them answered. */
function isNotSent(error: unknown): boolean {
  const { cause } = error as { cause?: { code?: string } };
  return cause?.code !== undefined && notSentCodes.has(cause.code);
}
