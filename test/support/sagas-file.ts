// SPDX-License-Identifier: GPL-3.0-or-later
/** The content of `SAGAS_FILE`, which tests change. */

/** Any content of the file. */
// biome-ignore lint/suspicious/noExplicitAny: each case breaks another part of it
export type Loose = any;

/** The variables of its secrets. */
export const env = {
  PAYMENT_SECRET: 'p'.repeat(24),
  LOYALTY_SECRET: `whsec_${btoa('l'.repeat(32))}`,
};

/** A file without a mistake. */
export const valid = (): Loose => ({
  $schema: './sagas.schema.json',
  participants: {
    payment: { url: 'http://127.0.0.1:9101/', secret_env: 'PAYMENT_SECRET' },
    loyalty: { url: 'https://loyalty.example/api', secret_env: 'LOYALTY_SECRET' },
  },
  sagas: {
    checkout: {
      steps: [
        {
          ...{ name: 'authorize', kind: 'payment', action: 'authorize', participant: 'payment' },
          data: { currency: 'EUR', amount_cents: 1_999 },
        },
        { name: 'points', kind: 'loyalty', action: 'grant', participant: 'loyalty' },
        {
          ...{ name: 'capture', kind: 'payment', action: 'capture', participant: 'payment' },
          ...{ timeout_ms: 100, attempts: 1, undo_attempts: 1_000, backoff_ms: 60_000 },
        },
        {
          ...{ name: 'code', kind: 'http', participant: 'loyalty' },
          ...{ run: '/codes', can_be_undone: false },
        },
      ],
    },
  },
});
