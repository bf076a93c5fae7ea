// SPDX-License-Identifier: GPL-3.0-or-later
/** Composes the delivery of events in one process. Its packages are loaded once there is a webhook. */
import type { Database } from '../adapters/postgres/database.ts';
import { postgresDeliveries } from '../adapters/postgres/events/delivery-store.ts';
import { systemClock } from '../adapters/system/clock.ts';
import type { Config } from '../config.ts';
import { createPace } from '../core/duties/pace.ts';
import { countDeliveries } from '../core/webhooks/count-deliveries.ts';
import { deliverToWebhook } from '../core/webhooks/deliver-to-webhook.ts';
import type { DeliveryMetrics, SendEvent } from '../core/webhooks/ports.ts';
import type { Event } from '../core/webhooks/webhook.ts';
import { byLoad } from './by-load.ts';
import type { ClaimLoad } from './claim-load.ts';
import { missingPackage } from './missing-package.ts';
import type { JobKind } from './open-jobs.ts';
import { stack } from './stack.ts';

/** What the delivery works with. */
export type WebhookOptions = {
  config: Config;
  /** The identity of the installation, of which event ids carry a part. */
  installationId: string;
  /** For reads that are no part of a delivery. */
  forQueries: Database;
  version: string;
  /** Whether the relay of events has begun, as of the last second. */
  isNeeded(): boolean;
  /** The body of an event as the API describes it. */
  toBody(event: Event): string;
  metrics: DeliveryMetrics;
  claimLoad: Pick<ClaimLoad, 'isHigh'>;
  /** Undefined: deliveries are not traced. */
  traceSend?: ((send: SendEvent) => SendEvent) | undefined;
};

/** The delivery of events by one process. */
export type WebhookDelivery = {
  job: JobKind;
  /** Sends one event now, as a delivery would. Rejects with an `AppError` where a package is not installed. */
  send: SendEvent;
  /** Why events may not be sent to a URL; undefined if they may. Rejects as `send` does. */
  whyForbidden(url: string): Promise<string | undefined>;
  /** Ends the connections to receivers. */
  close(): Promise<void>;
};

const webhooksAtOnce = 16;
const inFlightMost = 32;
const inFlightWhileBusy = 2;
const msEachBesideClaims = 10;

/** Creates the delivery of events. */
export function createWebhookDelivery(options: WebhookOptions): WebhookDelivery {
  const { forQueries, installationId, metrics, toBody, claimLoad } = options;
  let opened: ReturnType<typeof openSender> | undefined;
  const sender = () => {
    opened ??= openSender(options);
    return opened;
  };
  const send = stack<SendEvent>(
    async (...args) => (await sender()).send(...args),
    [options.traceSend],
  );
  const deliveries = postgresDeliveries(forQueries, installationId);
  return {
    send,
    whyForbidden: async (url) => (await sender()).whyForbidden(url),
    job: {
      ...{ name: 'deliver', priority: 0 },
      isWanted: () => options.isNeeded(),
      findDue: () => deliveries.findDueWebhooks(),
      work: {
        concurrency: webhooksAtOnce,
        load: async () => void (await sender()),
        with(connection) {
          const store = countDeliveries(postgresDeliveries(connection, installationId), metrics);
          const inFlightMax = byLoad(inFlightMost, inFlightWhileBusy);
          const pace = createPace({
            ...{ clock: systemClock, isLimited: claimLoad.isHigh, msEach: msEachBesideClaims },
          });
          return (webhookId, signal) =>
            deliverToWebhook(
              {
                ...{ store, send, toBody, clock: systemClock, random: Math.random },
                epochMs: Date.now,
                inFlightMax,
                pace,
              },
              webhookId,
              signal,
            );
        },
      },
    },
    async close() {
      (await opened?.catch(() => undefined))?.close();
    },
  };
}

async function openSender({ config, version }: WebhookOptions) {
  const [{ createSendEvent }, { whyForbidden }] = await Promise.all([
    import('../adapters/signed-calls/send-event.ts'),
    import('../adapters/signed-calls/receiver-url.ts'),
  ]).catch(missingPackage);
  const { allowHttp, allowedReceivers } = config.webhooks;
  const rules = { allowsHttp: allowHttp, allowed: allowedReceivers };
  return {
    ...createSendEvent({ rules, userAgent: `firstcome/${version}` }),
    whyForbidden: (url: string) => whyForbidden(url, rules),
  };
}
