// SPDX-License-Identifier: GPL-3.0-or-later

const tones: Record<string, 'good' | 'warning' | 'bad'> = {
  // Sales.
  open: 'good',
  paused: 'warning',
  // Claims, sagas and their steps.
  confirmed: 'good',
  redeemed: 'good',
  done: 'good',
  compensating: 'warning',
  needs_attention: 'bad',
  unknown: 'warning',
  declined: 'warning',
  // Deliveries and webhooks.
  delivered: 'good',
  active: 'good',
  retrying: 'warning',
  waiting: 'warning',
  given_up: 'bad',
  disabled: 'bad',
  // Rules.
  passed: 'good',
  not_finished: 'warning',
  broken: 'bad',
  // The service.
  healthy: 'good',
  unhealthy: 'bad',
  up: 'good',
  away: 'bad',
  replicated: 'good',
  unsafe: 'bad',
};

/** A state in its own word, with a colour that only repeats it. */
export function StateBadge({ state }: { state: string }) {
  return <span class={`badge ${tones[state] ?? ''}`}>{state.replaceAll('_', ' ')}</span>;
}
