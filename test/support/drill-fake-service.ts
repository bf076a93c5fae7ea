// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A service in memory that implements the part of the contract that a drill uses, on several nodes with shared state.
 * With seeded probabilities it delays, rejects, drops the connection, or decides without an answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Random } from '../../src/proof/drill/random.ts';
import { FakeSagas, type SagaDefects } from './drill-fake-sagas.ts';
import { FakeTickets, type TicketFate } from './drill-fake-tickets.ts';
import { shownMembers } from './proof-ending-dump.ts';
import {
  type EndingClaim,
  type EndingCommand,
  type EndingCoupon,
  EndingSale,
  stateOf,
} from './proof-ending-sale.ts';

/** The probabilities of faults, each from 0 to 1. */
export type Troubles = {
  seed?: number;
  /** Answers 503 `overloaded` with `Retry-After: 0`. */
  refuse?: number;
  /** Whether the creation of coupons is exempt. */
  sparesCreation?: boolean;
  /** Cuts the connection, half of the time before and half of the time after deciding. */
  drop?: number;
  /** Decides, and answers `outcome_unknown`. */
  unknown?: number;
  /** Called before each decision on a claim: plants a defect. */
  plant?: (command: EndingCommand, sale: EndingSale, coupon: string) => void;
  /** Claims with `Prefer: respond-async` wait in a queue, and each takes up to so many milliseconds there. */
  queueMs?: number;
  /** What becomes of a queued claim of this user; decided by default. */
  fateOf?: (user: string) => TicketFate;
  /** Delays the answer by up to so many milliseconds. */
  delayMs?: number;
};

/** The state of the service for tests. */
export type FakeService = {
  urls: string[];
  /** Its times count from the start of 2030, as those of `timeAt`. */
  sale: EndingSale;
  /** Its participants and its webhook. */
  sagas: FakeSagas;
  /** Every request so far. */
  requests: { node: number; method: string; path: string; authorization: string | undefined }[];
  /** Delays all answers until so many milliseconds have passed. */
  stall(ms: number): void;
  close(): Promise<void>;
};

type Reply = { status: number; body: object; headers?: Record<string, string> };

const statuses: Record<string, number> = {
  ...{ sold_out: 400, invalid_request: 400, coupon_not_found: 404, claim_not_found: 404 },
  ticket_not_found: 404,
  ...{ coupon_exists: 409, already_claimed: 409, not_open: 409, closed: 409, forbidden: 403 },
  ...{ claim_limit_reached: 409, hold_expired: 409, claim_released: 409, already_redeemed: 409 },
  ...{ not_confirmed: 409, claim_mismatch: 409, saga_running: 409 },
  ...{ overloaded: 503, outcome_unknown: 503 },
};

/** Starts the service on free ports of the loopback. */
export async function startFakeService(
  options: { nodes?: number; troubles?: Troubles; defects?: SagaDefects } = {},
): Promise<FakeService> {
  const { nodes = 1, troubles = {}, defects = {} } = options;
  const random = new Random(troubles.seed ?? 1);
  const sale = new EndingSale();
  const sagas = await FakeSagas.start(sale, defects);
  const tickets = new FakeTickets();
  const queued = (request: IncomingMessage, text: string): Reply | undefined => {
    const { url = '', headers } = request;
    const ticket = /^\/api\/tickets\/(.+)$/.exec(url)?.[1];
    if (ticket !== undefined) {
      const body = tickets.read(decodeURIComponent(ticket));
      return body === undefined ? problem('ticket_not_found') : { status: 200, body };
    }
    const { queueMs, fateOf } = troubles;
    const isQueued = url === '/api/coupons/claim' && headers.prefer === 'respond-async';
    if (queueMs === undefined || !isQueued) return undefined;
    const { user_id, coupon_name } = JSON.parse(text);
    const claimId = sale.newId();
    const ticketId = tickets.accept({
      ...{ claimId, queueMs: random.fraction() * queueMs, fate: fateOf?.(user_id) ?? 'decided' },
      decide: () => answer({ sale, sagas, plant: troubles.plant }, request, text, claimId),
    });
    const body = { ticket_id: ticketId, state: 'accepted', coupon_name, user_id };
    if (random.chance(troubles.unknown ?? 0)) {
      const members = { ticket_id: ticketId, claim_id: claimId };
      return problem('outcome_unknown', { retryAfter: '0', members });
    }
    return { status: 202, body };
  };
  const requests: FakeService['requests'] = [];
  const sockets = new Set<Socket>();
  let stalledUntilMs = 0;

  const listen = async (node: number) => {
    const server = createServer(async (request, response) => {
      const { method = '', url = '', headers } = request;
      requests.push({ node, method, path: url, authorization: headers.authorization });
      const text = await textOf(request);
      await pause(stalledUntilMs - Date.now());
      if (troubles.delayMs !== undefined) await pause(random.fraction() * troubles.delayMs);
      const isSpared = troubles.sparesCreation === true && url === '/api/coupons';
      const isChange = method === 'POST' && !isSpared;
      if (isChange && random.chance(troubles.refuse ?? 0)) {
        return send(response, problem('overloaded', { retryAfter: '0' }));
      }
      const isDropped = isChange && random.chance(troubles.drop ?? 0);
      if (isDropped && random.chance(0.5)) return void response.socket?.destroy();
      const ofQueue = queued(request, text);
      const reply = ofQueue ?? answer({ sale, sagas, plant: troubles.plant }, request, text);
      if (isDropped) return void response.socket?.destroy();
      const isOfClaim = url === '/api/coupons/claim' || changePath.test(url);
      if (isOfClaim && ofQueue === undefined && random.chance(troubles.unknown ?? 0)) {
        const members = namedClaim(reply, text) ?? { claim_id: sale.newId() };
        return send(response, problem('outcome_unknown', { retryAfter: '0', members }));
      }
      return send(response, reply);
    });
    // A connection that the server closed while a request was on its way would count as broken.
    server.keepAliveTimeout = 0;
    server.on('connection', (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return server;
  };
  const servers = await Promise.all(Array.from({ length: nodes }, (_, node) => listen(node)));
  return {
    urls: servers.map((server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    ...{ sale, sagas, requests },
    stall: (ms) => {
      stalledUntilMs = Date.now() + ms;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await sagas.close();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

type Decider = { sale: EndingSale; sagas: FakeSagas; plant: Troubles['plant'] };

/** The admin key of a service that has one. */
export const adminApiKey = 'admin';

const changePath = /^\/api\/coupons\/([^/]+)\/claims\/([^/]+)\/(confirm|release|redeem)$/;

/** The claim that an unknown outcome names: the one of the request, or the one that it made. */
function namedClaim({ body, headers }: Reply, text: string): { claim_id: unknown } | undefined {
  const { claim_id: asked } = JSON.parse(text);
  if (asked !== undefined) return { claim_id: asked };
  const isNew = 'claim_id' in body && headers === undefined;
  return isNew ? { claim_id: body.claim_id } : undefined;
}

/** The present time, by the clock of the sale. */
const now = () => Date.now() - Date.UTC(2030, 0, 1);

function answer(
  decider: Decider,
  request: IncomingMessage,
  text: string,
  claimId = decider.sale.newId(),
): Reply {
  const { sale } = decider;
  const { method = '', url = '' } = request;
  const key = request.headers['idempotency-key']?.toString();
  const body = text === '' ? {} : JSON.parse(text);
  const ofWebhook = decider.sagas.answer(method, url, body);
  if (ofWebhook !== undefined) return ofWebhook;
  if (method === 'POST' && url === '/api/coupons') return create(sale, body);
  if (method === 'POST' && url === '/api/coupons/claim') {
    const { user_id: userId, coupon_name: name } = body;
    return decide(decider, name, { kind: 'claim', userId, claimId, idempotencyKey: key });
  }
  const change = changePath.exec(url);
  if (change !== null) {
    const [, name = '', user = '', kind] = change;
    return decide(decider, decodeURIComponent(name), {
      ...{ kind: kind as 'confirm', userId: decodeURIComponent(user), idempotencyKey: key },
      ...{ claimId: body.claim_id, reason: body.reason },
      isAdmin: request.headers.authorization === `Bearer ${adminApiKey}`,
    });
  }
  const list = /^\/api\/coupons\/([^/]+)\/claims\?(.*)$/.exec(url);
  if (list !== null) return listClaims(sale, decodeURIComponent(list[1] ?? ''), list[2] ?? '');
  const [, path = '', rest, user = ''] =
    /^\/api\/coupons\/([^/]+)(?:\/(stock|claims)(?:\/(.+))?)?$/.exec(url) ?? [];
  const name = decodeURIComponent(path);
  const coupon = sale.coupons.get(name);
  if (coupon === undefined) return problem('coupon_not_found');
  if (rest === 'stock') sale.addStock(name, { units: body.add, key, ms: now() });
  if (rest === 'claims') {
    const userId = decodeURIComponent(user);
    const held = coupon.claimsByUser.get(userId);
    const last = coupon.all.findLast((one) => one.userId === userId);
    const members = last === undefined ? {} : { last_claim: shownClaim(name, last) };
    return held === undefined
      ? problem('claim_not_found', { members })
      : { status: 200, body: shownClaim(name, held) };
  }
  return { status: 200, body: shownCoupon(name, coupon) };
}

type CreateBody = {
  name: string;
  amount: number;
  opens_at?: string;
  closes_at?: string;
  hold_seconds?: number;
  saga?: string;
};

function create(sale: EndingSale, body: CreateBody): Reply {
  const { name, amount, opens_at: opensAt, closes_at: closesAt } = body;
  const { hold_seconds: holdSeconds } = body;
  if (sale.coupons.has(name)) return problem('coupon_exists');
  const toMs = (time: string | undefined) =>
    time === undefined ? undefined : Date.parse(time) - Date.UTC(2030, 0, 1);
  const window = { opensMs: toMs(opensAt), closesMs: toMs(closesAt) };
  if (body.saga === 'unknown') return problem('invalid_request');
  const coupon = sale.create(name, amount, { ms: now(), holdSeconds, window });
  coupon.sagaName = body.saga;
  return { status: 201, body: { message: 'coupon created', ...shownCoupon(name, coupon) } };
}

function decide({ sale, sagas, plant }: Decider, name: string, command: EndingCommand): Reply {
  if (!sale.coupons.has(name)) return problem('coupon_not_found');
  plant?.(command, sale, name);
  const before = sale.coupon(name).claimsByUser.get(command.userId)?.saga?.state;
  const [decision] = sale.decide(name, [command], now());
  if (decision === undefined) throw new Error('each request has a decision');
  sagas.onDecided(name, decision, before);
  const { outcome, claim, lastClaim } = decision;
  if (successes.has(outcome) && claim !== undefined) {
    return {
      status: outcome === 'undo_requested' ? 202 : 200,
      body: { message: outcome, ...shownClaim(name, claim) },
      ...(outcome === 'replayed' && { headers: { 'Idempotency-Replayed': 'true' } }),
    };
  }
  const members = {
    ...(claim !== undefined && { claim: shownClaim(name, claim) }),
    ...(lastClaim !== undefined && { last_claim: shownClaim(name, lastClaim) }),
  };
  return problem(outcome, { members, ...(outcome === 'not_open' && { retryAfter: '1' }) });
}

/** Small pages, so that a list has several. */
const pageClaims = 50;

function listClaims(sale: EndingSale, name: string, query: string): Reply {
  const parameters = new URLSearchParams(query);
  const after = Number(parameters.get('cursor') ?? 0);
  const states = parameters.getAll('state');
  const all = sale.coupon(name).all.filter((claim) => states.includes(stateOf(claim)));
  const page = all.filter(({ position }) => position > after).slice(0, pageClaims);
  const last = page.at(-1)?.position ?? after;
  const isMore = all.some(({ position }) => position > last);
  const claims = page.map((claim) => shownClaim(name, claim));
  return { status: 200, body: { claims, next_cursor: isMore ? String(last) : null } };
}

const successes = new Set([
  ...['claimed', 'replayed', 'confirmed', 'released', 'redeemed', 'undo_requested'],
]);

function shownClaim(couponName: string, claim: EndingClaim) {
  return { ...shownMembers(claim), coupon_name: couponName, user_id: claim.userId };
}

function shownCoupon(name: string, { amount, remaining, claims }: EndingCoupon) {
  const holders = claims.map(({ userId }) => userId);
  return { name, amount, remaining_amount: remaining, claimed_by: holders };
}

function problem(
  code: string,
  { retryAfter, members = {} }: { retryAfter?: string; members?: object } = {},
): Reply {
  const status = statuses[code] ?? 500;
  const effect = code === 'outcome_unknown' ? 'unknown' : 'none';
  return {
    ...{ status, body: { status, code, effect, ...members } },
    ...(retryAfter !== undefined && { headers: { 'Retry-After': retryAfter } }),
  };
}

function send(response: ServerResponse, { status, body, headers = {} }: Reply): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'Content-Type': status < 400 ? 'application/json' : 'application/problem+json',
    'Content-Length': Buffer.byteLength(text),
    ...headers,
  });
  response.end(text);
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

async function pause(ms: number): Promise<void> {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
}
