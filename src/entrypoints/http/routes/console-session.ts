// SPDX-License-Identifier: GPL-3.0-or-later
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { AppError } from '../../../core/errors.ts';
import { clientAddressBy } from '../limits/client-address.ts';
import { fixedProblem } from '../problems/problem.ts';
import type { Route } from '../route.ts';
import { ConsoleSessionBody } from '../schemas/console-session.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';
import {
  endedCookies,
  isSameOrigin,
  sessionCookie,
  sessionIdOf,
  transportBy,
} from '../sessions/session-cookie.ts';

const path = '/console/session';
const tags = ['console'];

/** `POST`, `GET` and `DELETE /console/session`: log in to the console with a key, who is logged in, and log out. */
export const consoleSessionRoute: Route = (app, { access, consoleLogin, log }) => {
  if (consoleLogin === undefined) return;
  const { sessions, limit, trustedProxies } = consoleLogin;
  const addressOf = clientAddressBy(trustedProxies);
  const transportOf = transportBy(trustedProxies);
  const sendLimited = fixedProblem('rate_limited', 'too many logins from this address');

  /** Counts an attempt before its key is checked. Returns false where it is refused. */
  const takeAttempt = async (request: FastifyRequest, reply: FastifyReply) => {
    const { allowed, resetSeconds } = await limit.take(addressOf(request.raw));
    if (allowed === 0) sendLimited(reply, resetSeconds);
    return allowed > 0;
  };

  app.post(
    path,
    {
      config: { access: 'public' },
      schema: {
        operationId: 'createConsoleSession',
        ...{ tags, summary: 'Log in to the console' },
        description:
          'Sets a cookie that stands for the admin key or the viewer key. The session ends after an hour without a request, after ' +
          '12 hours, and when its key is removed or replaced. A request with the cookie needs `Sec-Fetch-Site: same-origin`, which ' +
          'browsers send from the pages of the service. Over plain HTTP it works on loopback only: elsewhere use HTTPS, with the ' +
          'proxy in `TRUSTED_PROXIES`, or a tunnel. Ten attempts a minute from an address. Without an admin key there is nothing to log in to, and no cookie is set.',
        querystring: NoQuery,
        body: onlyObject({ key: Type.String({ minLength: 1, maxLength: 4_096 }) }),
        response: {
          204: Type.Null({ description: 'Logged in' }),
          ...problemResponses(400, 401, 403, 429, 503),
        },
      },
    },
    async (request, reply) => {
      if (!(await takeAttempt(request, reply))) return reply;
      if (isFromElsewhere(request)) throw refusals.otherOrigin();
      if (access.isOpen('admin')) return reply.code(204).send();
      const transport = transportOf(request);
      if (transport === 'insecure') throw refusals.insecure();
      const { key } = request.body;
      const caller = access.callerOfKey(key);
      if (caller === 'anonymous') throw refusals.unknownKey();
      if (caller === 'claim' || caller === 'claim-next') throw refusals.otherKey();
      const id = await sessions.open(key);
      log.info({ requestId: request.id, actor: caller }, 'logged in to the console');
      return reply.code(204).header('Set-Cookie', sessionCookie(id, transport)).send();
    },
  );

  app.get(
    path,
    {
      config: { access: 'view' },
      schema: {
        operationId: 'readConsoleSession',
        ...{ tags, summary: 'Read who is logged in to the console' },
        querystring: NoQuery,
        response: { 200: ref(ConsoleSessionBody), ...problemResponses(400, 401, 403, 503) },
      },
    },
    async (request, reply): Promise<Static<typeof ConsoleSessionBody>> => {
      if (request.method === 'HEAD') return sendHead(reply, jsonType) as never;
      const id = sessionIdOf(request);
      const session = id === undefined ? undefined : await sessions.find(id);
      return {
        role: access.mayAdminister(request) ? 'operator' : 'viewer',
        open_access: access.isOpen('admin'),
        ends_at: session?.endsAt ?? null,
        idle_ends_at: session?.idleEndsAt ?? null,
      };
    },
  );

  app.delete(
    path,
    {
      config: { access: 'public' },
      schema: {
        operationId: 'deleteConsoleSession',
        ...{ tags, summary: 'Log out of the console' },
        description:
          'Ends the session of the cookie, on all nodes within half a minute, and removes the cookie.',
        querystring: NoQuery,
        response: {
          204: Type.Null({ description: 'Logged out' }),
          ...problemResponses(400, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const id = sessionIdOf(request);
      if (id !== undefined) {
        if (!isSameOrigin(request)) throw refusals.otherOrigin();
        await sessions.end(id);
      }
      return reply.code(204).header('Set-Cookie', endedCookies()).send();
    },
  );
};

/** Whether a browser sends it for a page that is not of this service, whatever `CORS_ORIGINS` says. */
function isFromElsewhere(request: FastifyRequest): boolean {
  const { origin, 'sec-fetch-site': site } = request.headers;
  return (origin !== undefined || site !== undefined) && !isSameOrigin(request);
}

const refusals = {
  otherOrigin: () =>
    new AppError('cross_origin', {
      detail:
        'only pages of the service itself may log in and out, with Sec-Fetch-Site: same-origin',
    }),
  insecure: () =>
    new AppError('forbidden', {
      detail:
        'over plain HTTP anybody on the way could read the key: use HTTPS, with the proxy that ends it in TRUSTED_PROXIES, or a ' +
        'tunnel, such as ssh -L 8080:localhost:8080, and open http://localhost:8080/console',
    }),
  unknownKey: () => new AppError('unauthorized', { detail: 'this is no key of the service' }),
  otherKey: () =>
    new AppError('forbidden', {
      detail: 'this key is valid, but not for the console; use the admin key or the viewer key',
    }),
};
