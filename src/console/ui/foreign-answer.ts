// SPDX-License-Identifier: GPL-3.0-or-later
import { FirstcomeError, type Refusal } from '../../client.ts';

/** The refusal that stands for an answer of something else than the service, such as a proxy. Throws other errors again. */
export function foreignAnswer(error: unknown): Refusal {
  if (!(error instanceof FirstcomeError)) throw error;
  const status = error.status ?? 0;
  const title = 'Not the service has answered';
  const detail = `${error.message}. Check the proxy between this page and the service.`;
  return {
    ...{ outcome: 'unavailable', status },
    problem: {
      ...{ type: 'about:blank', title, status, detail, instance: '' },
      ...{ code: 'unavailable', error: title.toLowerCase(), effect: 'none' },
    },
  };
}
