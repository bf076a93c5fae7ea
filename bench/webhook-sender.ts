// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Sends requests to a receiver, as the bench of webhooks asks over HTTP: events of the backlog as the service does, or plain
 * requests of the same size. Each answer says what that has cost.
 */
import { Agent, createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Database } from '../src/adapters/postgres/database.ts';
import { postgresDeliveries } from '../src/adapters/postgres/events/delivery-store.ts';
import { createSendEvent } from '../src/adapters/signed-calls/send-event.ts';
import { systemClock } from '../src/adapters/system/clock.ts';
import { type DeliveryOptions, deliverToWebhook } from '../src/core/webhooks/deliver-to-webhook.ts';
import type { Event } from '../src/core/webhooks/webhook.ts';

/** What the program gets as its only argument, in JSON. */
export type SenderSetting = {
  databaseUrl: string;
  schema: string;
  webhookId: string;
  receiver: string;
  inFlight: number;
};

/** What one run has cost. */
export type SenderRun = { seconds: number; cpuSeconds: number; peakMemoryMb: number };

const setting = JSON.parse(process.argv[2] ?? '') as SenderSetting;
const url = new URL(setting.receiver);
const never = new AbortController().signal;
const bytes = 330;
const plainBody = 'x'.repeat(bytes);
const plainHeaders = { 'content-type': 'application/json', 'content-length': bytes };

const connections = new Database({
  ...{ url: setting.databaseUrl, schema: setting.schema, connectionsMax: 4 },
  ...{ connectTimeoutMs: 20_000, answerTimeoutMs: 60_000 },
  ...{ lockTimeoutMs: 20_000, statementTimeoutMs: 60_000 },
  onIdleConnectionLost: () => undefined,
});
const sender = createSendEvent({
  rules: { allowsHttp: true, allowed: [url.host] },
  userAgent: 'firstcome/bench',
});
const store = postgresDeliveries(connections, crypto.randomUUID());
const delivery: DeliveryOptions = {
  ...{ store, send: sender.send, toBody },
  ...{ clock: systemClock, epochMs: Date.now, random: Math.random },
  inFlightMax: () => setting.inFlight,
  pace: { turn: async () => undefined, addToTurn: () => undefined },
};

const kinds: Record<string, (events: number) => Promise<unknown>> = {
  deliver: deliverAll,
  request: (events) => sendAll(events, requestOnce),
  fetch: (events) => sendAll(events, fetchOnce),
};

/** Delivers the whole backlog, in as many turns as it takes. */
async function deliverAll(): Promise<void> {
  do {
    await deliverToWebhook(delivery, setting.webhookId, never);
  } while ((await store.findDueWebhooks()).length > 0);
}

function toBody({ eventId, type, at, data }: Event): string {
  return JSON.stringify({ id: eventId, type, timestamp: at, data });
}

async function sendAll(count: number, once: (agent: Agent) => Promise<void>): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: setting.inFlight });
  let left = count;
  const work = async () => {
    while (left > 0) {
      left -= 1;
      await once(agent);
    }
  };
  await Promise.all(Array.from({ length: setting.inFlight }, work));
  agent.destroy();
}

function requestOnce(agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: 'POST', headers: plainHeaders }, (response) => {
      response.resume().once('end', resolve).once('error', reject);
    });
    sent.once('error', reject);
    sent.end(plainBody);
  });
}

async function fetchOnce(): Promise<void> {
  const headers = { 'content-type': 'application/json' };
  await (await fetch(url, { method: 'POST', headers, body: plainBody })).arrayBuffer();
}

async function measure(kind: string, events: number): Promise<SenderRun> {
  const before = process.cpuUsage();
  const startedMs = performance.now();
  await kinds[kind]?.(events);
  const seconds = (performance.now() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(before);
  const peakMemoryMb = (process.resourceUsage().maxRSS * 1_024) / 1e6;
  return { seconds, cpuSeconds: (user + system) / 1e6, peakMemoryMb };
}

const control = createServer((asked, response) => {
  const { pathname, searchParams } = new URL(asked.url ?? '/', 'http://control');
  measure(pathname.slice(1), Number(searchParams.get('events'))).then(
    (run) => response.end(JSON.stringify(run)),
    (error) => response.writeHead(500).end(String(error)),
  );
});
control.requestTimeout = 0;
control.listen(0, '127.0.0.1', () => {
  const { port } = control.address() as AddressInfo;
  process.stdout.write(`sends as asked on http://127.0.0.1:${port}\n`);
});
