// SPDX-License-Identifier: GPL-3.0-or-later
/** The service that the page comes from, through the client of its API. The browser adds the cookie of the session. */
import { FirstcomeClient } from '../client.ts';
import { serverClock } from './clock.ts';

type Listener = () => void;
const listeners = new Set<Listener>();

/** Calls the listener each time the service refuses a call because no session is there. Returns what ends that. */
export function onSessionEnd(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

const watchedFetch: typeof fetch = async (input, init) => {
  const sentAtMs = performance.now();
  const response = await fetch(input, init);
  const date = Date.parse(response.headers.get('date') ?? '');
  // The header has whole seconds. In the mean it is half a second old.
  if (!Number.isNaN(date)) {
    serverClock.observe(date + 500, { sentAtMs, source: 'node', errorMs: 500 });
  }
  if (response.status === 401) for (const listener of listeners) listener();
  return response;
};

/** The client of all views. A call takes 10 seconds at most, its repeats included. */
export const service = new FirstcomeClient({
  url: location.origin,
  timeoutMs: 10_000,
  fetch: watchedFetch,
});
