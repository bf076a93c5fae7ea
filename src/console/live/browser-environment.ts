// SPDX-License-Identifier: GPL-3.0-or-later
import { serverClock } from '../clock.ts';
import { service } from '../service.ts';
import type { FeedChannel, FeedEnvironment, FeedSharing } from './feed-environment.ts';

/** The browser and the service that the page comes from. */
export const browserEnvironment: FeedEnvironment = {
  service,
  clock: serverClock,
  time: {
    nowMs: () => performance.now(),
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
  },
  random: () => Math.random(),
  sharing: sharingOf(navigator),
};

/** Browsers have no locks in pages that were not loaded over HTTPS or from loopback. */
function sharingOf({ locks }: { locks?: Navigator['locks'] }): FeedSharing | undefined {
  if (locks === undefined || typeof BroadcastChannel === 'undefined') return undefined;
  return {
    locks: { request: (name, options, hold) => locks.request(name, options, hold) },
    openChannel,
  };
}

function openChannel(name: string): FeedChannel {
  const channel = new BroadcastChannel(name);
  return {
    post: (message) => channel.postMessage(message),
    listen: (listener) => {
      channel.onmessage = ({ data }) => listener(data);
    },
    close: () => channel.close(),
  };
}
