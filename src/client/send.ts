// SPDX-License-Identifier: GPL-3.0-or-later
import { environment } from './environment.ts';
import { FirstcomeError } from './errors.ts';

/** The service, and what each request to it needs. */
export type Service = {
  /** Without a slash at its end. */
  url: string;
  key: string | (() => string | Promise<string>) | undefined;
  fetch: typeof fetch;
};

/** One request. `path` begins with a slash, is encoded and contains the query. */
export type HttpRequest = {
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string | undefined;
  /** The answer is the response itself, whose body is not read yet. */
  isStream?: boolean;
  /** An answer with status 503 is no problem, but what was asked for. */
  isHealth?: boolean;
};

/** An answer of the service. `body` is what its JSON means, text where it is none, or the response of a stream. */
export type Answer = {
  status: number;
  body: unknown;
  replayed: boolean;
  retryAfter: string | null;
};

/** No answer of the service arrived. `isSent` is false if the request cannot have reached it. */
export type Lost = { isLost: true; isSent: boolean; cause: unknown; retryAfter: string | null };

/**
 * Sends a request once, and ends within `limitMs` even where `fetch` ignores its signal. Throws the reason of an aborted
 * signal, what a `key` function throws, and a `FirstcomeError` if something else than a firstcome service answers.
 */
export function send(
  service: Service,
  request: HttpRequest,
  limitMs: number,
  signal?: AbortSignal,
): Promise<Answer | Lost> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const headers = new Headers(request.headers);
    const controller = new AbortController();
    const sent = { isSent: false };
    const end = () => {
      stopTimer();
      signal?.removeEventListener('abort', onAbort);
    };
    const onAbort = () => {
      end();
      reject(signal?.reason);
      controller.abort(signal?.reason);
    };
    const stopTimer = environment.after(limitMs, () => {
      end();
      resolve(lost(sent.isSent, new Error(`no answer within ${Math.round(limitMs)} ms`)));
      controller.abort();
    });
    signal?.addEventListener('abort', onAbort);
    exchange(service, request, { headers, signal: controller.signal, sent }).then(
      (answer) => {
        // The body of a stream is read later, until the caller's signal ends it.
        if (request.isStream && signal !== undefined) {
          signal.addEventListener('abort', () => controller.abort(signal.reason));
        }
        end();
        resolve(answer);
      },
      (error) => {
        end();
        reject(error);
      },
    );
  });
}

async function exchange(
  { url, key, fetch }: Service,
  { method, path, body, isStream, isHealth }: HttpRequest,
  init: { headers: Headers; signal: AbortSignal; sent: { isSent: boolean } },
): Promise<Answer | Lost> {
  const secret = typeof key === 'function' ? await key() : key;
  if (secret !== undefined) init.headers.set('authorization', `Bearer ${secret}`);
  init.signal.throwIfAborted();
  init.sent.isSent = true;
  let response: Response;
  try {
    response = await fetch(url + path, {
      method,
      body: body ?? null,
      headers: init.headers,
      signal: init.signal,
      // A key must not follow to another host, and a changing request must not become a GET.
      redirect: 'manual',
      // Without a key, a page of the service itself may have a session of the console.
      credentials: secret === undefined ? 'same-origin' : 'omit',
    });
  } catch (error) {
    return lost(!isUnsent(error), error);
  }
  if (isStream && response.ok) {
    return answer(response, response);
  }
  return await readAnswer(response, isHealth);
}

async function readAnswer(response: Response, isHealth = false): Promise<Answer | Lost> {
  const { status, headers } = response;
  const type = headers.get('content-type') ?? '';
  let text: string;
  try {
    text = await response.text();
  } catch (error) {
    return lost(true, error);
  }
  if (/^(?:application\/(?:problem\+)?json)\b/.test(type)) {
    try {
      const body: unknown = JSON.parse(text);
      if (response.ok || isProblem(body) || (isHealth && status === 503)) {
        return answer(response, body);
      }
    } catch (error) {
      // Ended early: the answer is lost, not wrong.
      return lost(true, error);
    }
  } else if (response.ok && (status === 204 || type.startsWith('text/plain'))) {
    return answer(response, text);
  }
  // The service itself sends a problem with each error, so this is the error of a proxy.
  const cause = new Error(`an answer with status ${status} that is not of the service`);
  if (status >= 500 || status === 408 || status === 429) {
    return { ...lost(true, cause), retryAfter: headers.get('retry-after') };
  }
  const hint =
    status === 0 || (status >= 300 && status < 400) ? ': redirects are not followed' : '';
  throw new FirstcomeError(`${cause.message}${hint}`, { status });
}

function answer({ status, headers }: Response, body: unknown): Answer {
  return {
    ...{ status, body, replayed: headers.has('idempotency-replayed') },
    retryAfter: headers.get('retry-after'),
  };
}

/** The members of a problem that the client itself uses. */
export type AnyProblem = {
  code: string;
  effect: string;
  claim_id?: string;
  ticket_id?: string;
};

/** Whether a body is a problem of the service. */
export function isProblem(body: unknown): body is AnyProblem {
  const { code, effect } = Object(body);
  return typeof code === 'string' && typeof effect === 'string';
}

function lost(isSent: boolean, cause: unknown): Lost {
  return { isLost: true, isSent, cause, retryAfter: null };
}

// Node and Bun name these where no connection was made. Where the reason is hidden, as in browsers, the request may have
// been sent.
const unsentCodes =
  /^(?:ECONNREFUSED|ENOTFOUND|EAI_AGAIN|UND_ERR_CONNECT_TIMEOUT|ConnectionRefused)$/;

function isUnsent(error: unknown): boolean {
  const { cause, code } = Object(error);
  return unsentCodes.test(code ?? Object(cause).code ?? '');
}
