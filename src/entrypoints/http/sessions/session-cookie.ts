// SPDX-License-Identifier: GPL-3.0-or-later
/** The cookie of a session, and which requests may carry or get one. */

import proxyAddr from '@fastify/proxy-addr';
import type { FastifyRequest } from 'fastify';
import { sessionSeconds } from '../../../core/console/ports.ts';
import { isLoopbackAuthority } from '../requests/hosts.ts';

/** How a request has reached the service. `insecure`: over plain HTTP from another machine, or nobody knows. */
export type Transport = 'https' | 'loopback' | 'insecure';

const names: Record<Exclude<Transport, 'insecure'>, string> = {
  https: '__Host-firstcome-session',
  loopback: 'firstcome-session',
};

const forwarding = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto'];

/**
 * Returns a function that says how a request has come. The service itself speaks plain HTTP: a proxy that ends TLS says so in
 * `X-Forwarded-Proto`, which counts from trusted proxies only. Loopback is a request from this machine for a loopback name that no
 * proxy has passed on, such as one through a tunnel of SSH.
 */
export function transportBy(
  trustedProxies: readonly string[],
): (request: FastifyRequest) => Transport {
  const proxies = trustedProxies.filter((one) => one !== 'none');
  const isTrusted = proxies.length === 0 ? () => false : proxyAddr.compile(proxies);
  return ({ headers, raw: { socket } }) => {
    const address = socket.remoteAddress ?? '';
    if (address !== '' && isTrusted(address, 0)) {
      const proto = [headers['x-forwarded-proto']].flat().join(',').split(',').at(-1)?.trim();
      if (proto === 'https') return 'https';
    }
    const isDirect = forwarding.every((name) => headers[name] === undefined);
    const isOwn = /^(?:::ffff:)?127\.|^::1$/.test(address);
    return isDirect && isOwn && isLoopbackAuthority(headers.host ?? '') ? 'loopback' : 'insecure';
  };
}

/**
 * The id of the session in the cookie of a request. That of the loopback cookie counts for loopback names only: elsewhere another
 * page of the same machine or domain could have set it. Any `Authorization` wins over a cookie.
 */
export function sessionIdOf({ headers }: FastifyRequest): string | undefined {
  const { authorization, cookie, host = '' } = headers;
  if (cookie === undefined || authorization !== undefined) return undefined;
  const secure = valueIn(cookie, names.https);
  if (secure !== undefined || !isLoopbackAuthority(host)) return secure;
  return valueIn(cookie, names.loopback);
}

/** Whether a request comes from a page of this service itself, as its browser says. */
export function isSameOrigin({ headers }: FastifyRequest): boolean {
  return headers['sec-fetch-site'] === 'same-origin';
}

/** The `Set-Cookie` that gives a browser its session. */
export function sessionCookie(id: string, transport: Exclude<Transport, 'insecure'>): string {
  return cookieOf(transport, id, sessionSeconds.max);
}

/** The `Set-Cookie` fields that remove it. */
export function endedCookies(): string[] {
  return [cookieOf('https', '', 0), cookieOf('loopback', '', 0)];
}

function cookieOf(transport: Exclude<Transport, 'insecure'>, value: string, seconds: number) {
  const secure = transport === 'https' ? '; Secure' : '';
  const rules = `Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
  return `${names[transport]}=${value}; ${rules}`;
}

function valueIn(cookie: string, name: string): string | undefined {
  const pair = cookie.split(';').find((one) => one.trimStart().startsWith(`${name}=`));
  const value = pair?.slice(pair.indexOf('=') + 1).trim();
  return value === '' ? undefined : value;
}
