// SPDX-License-Identifier: GPL-3.0-or-later
import type { Problem } from './api-types.ts';

/** The problem of a call that did not reach the service, or whose answer did not arrive and does not matter. */
export function unavailableProblem(cause: unknown): Problem {
  const reason = String(Object(Object(cause).cause ?? cause).message ?? cause);
  return madeProblem(503, 'unavailable', `no answer of the service: ${reason}`);
}

/** The problem of a call that no service would accept. */
export function invalidProblem(detail: string): Problem {
  return madeProblem(400, 'invalid_request', detail);
}

// The client makes these itself, so they have no request id.
function madeProblem(status: number, code: Problem['code'], detail: string): Problem {
  const title = code === 'unavailable' ? 'Service unavailable' : 'Invalid request';
  const error = title.toLowerCase();
  return {
    ...{ type: 'about:blank', title, status, detail, instance: '' },
    ...{ code, error, effect: 'none' },
  };
}
