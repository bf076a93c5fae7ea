// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * A service in memory that implements the part of the contract that a drill uses, on several nodes with shared state.
 * With seeded probabilities it delays, rejects, drops the connection, or decides without an answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Random } from '../../src/proof/drill/random.ts';

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
  /** Delays the answer by up to so many milliseconds. */
  delayMs?: number;
};

type Claim = {
  claim_id: string;
  coupon_name: string;
  user_id: string;
  position: number;
  claimed_at: string;
};

/** A coupon with its claims by user, and the keys that were used. */
export type FakeCoupon = {
  amount: number;
  opensAt: number;
  closesAt: number;
  claims: Map<string, { claim: Claim; key: string | undefined }>;
  stockKeys: Set<string>;
};

/** The state of the service for tests. */
export type FakeService = {
  urls: string[];
  coupons: Map<string, FakeCoupon>;
  /** Every request so far. */
  requests: { node: number; method: string; path: string; authorization: string | undefined }[];
  /** Delays all answers until so many milliseconds have passed. */
  stall(ms: number): void;
  close(): Promise<void>;
};

type Reply = { status: number; body: object; headers?: Record<string, string> };

const statuses: Record<string, number> = {
  ...{ sold_out: 400, invalid_request: 400, coupon_not_found: 404, claim_not_found: 404 },
  ...{ coupon_exists: 409, already_claimed: 409, not_open: 409, closed: 409 },
  ...{ overloaded: 503, outcome_unknown: 503 },
};

/** Starts the service on free ports of the loopback. */
export async function startFakeService(
  options: { nodes?: number; troubles?: Troubles } = {},
): Promise<FakeService> {
  const { nodes = 1, troubles = {} } = options;
  const random = new Random(troubles.seed ?? 1);
  const coupons = new Map<string, FakeCoupon>();
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
      const reply = answer(coupons, request, text);
      if (isDropped) return void response.socket?.destroy();
      const claimId = 'claim_id' in reply.body ? reply.body.claim_id : undefined;
      if (url === '/api/coupons/claim' && random.chance(troubles.unknown ?? 0)) {
        const members = claimId === undefined ? {} : { claim_id: claimId };
        return send(response, problem('outcome_unknown', { retryAfter: '0', members }));
      }
      return send(response, reply);
    });
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
    ...{ coupons, requests },
    stall: (ms) => {
      stalledUntilMs = Date.now() + ms;
    },
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    },
  };
}

function answer(coupons: Map<string, FakeCoupon>, request: IncomingMessage, text: string): Reply {
  const { method, url = '' } = request;
  const key = request.headers['idempotency-key']?.toString();
  const body = text === '' ? {} : JSON.parse(text);
  if (method === 'POST' && url === '/api/coupons') return create(coupons, body);
  if (method === 'POST' && url === '/api/coupons/claim') return claim(coupons, body, key);
  const [, name = '', rest, user = ''] =
    /^\/api\/coupons\/([^/]+)(?:\/(stock|claims)(?:\/(.+))?)?$/.exec(url) ?? [];
  const coupon = coupons.get(decodeURIComponent(name));
  if (coupon === undefined) return problem('coupon_not_found');
  if (rest === 'stock') {
    if (key === undefined || !coupon.stockKeys.has(key)) coupon.amount += body.add;
    if (key !== undefined) coupon.stockKeys.add(key);
  }
  if (rest === 'claims') {
    const held = coupon.claims.get(decodeURIComponent(user));
    return held === undefined ? problem('claim_not_found') : { status: 200, body: held.claim };
  }
  return { status: 200, body: shown(decodeURIComponent(name), coupon) };
}

function create(
  coupons: Map<string, FakeCoupon>,
  body: { name: string; amount: number; opens_at?: string; closes_at?: string },
): Reply {
  if (coupons.has(body.name)) return problem('coupon_exists');
  const coupon: FakeCoupon = {
    amount: body.amount,
    opensAt: body.opens_at === undefined ? 0 : Date.parse(body.opens_at),
    closesAt: body.closes_at === undefined ? Number.POSITIVE_INFINITY : Date.parse(body.closes_at),
    ...{ claims: new Map(), stockKeys: new Set() },
  };
  coupons.set(body.name, coupon);
  return { status: 201, body: { message: 'coupon created', ...shown(body.name, coupon) } };
}

function claim(
  coupons: Map<string, FakeCoupon>,
  body: { user_id: string; coupon_name: string },
  key: string | undefined,
): Reply {
  const coupon = coupons.get(body.coupon_name);
  if (coupon === undefined) return problem('coupon_not_found');
  const held = coupon.claims.get(body.user_id);
  if (held !== undefined) {
    return key !== undefined && held.key === key
      ? { ...won(held.claim), headers: { 'Idempotency-Replayed': 'true' } }
      : problem('already_claimed', { members: { claim: held.claim } });
  }
  if (Date.now() < coupon.opensAt) return problem('not_open', { retryAfter: '1' });
  if (Date.now() >= coupon.closesAt) return problem('closed');
  if (coupon.claims.size >= coupon.amount) return problem('sold_out');
  const position = coupon.claims.size + 1;
  const made = {
    claim_id: `claim-${body.coupon_name}-${position}`,
    ...{ coupon_name: body.coupon_name, user_id: body.user_id, position },
    claimed_at: new Date().toISOString(),
  };
  coupon.claims.set(body.user_id, { claim: made, key });
  return won(made);
}

function won(made: Claim): Reply {
  return { status: 200, body: { message: 'coupon claimed', ...made } };
}

function shown(name: string, coupon: FakeCoupon) {
  const { amount, claims } = coupon;
  return { name, amount, remaining_amount: amount - claims.size, claimed_by: [...claims.keys()] };
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
