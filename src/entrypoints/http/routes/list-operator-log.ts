// SPDX-License-Identifier: GPL-3.0-or-later
import type { LogPosition, OperatorLogEntry } from '../../../core/operator-log/operator-log.ts';
import type { Route } from '../route.ts';
import { cursorOf, onlyObject, pageParameters } from '../schemas/fields.ts';
import { LinkHeader, withHeaders } from '../schemas/headers.ts';
import { LogPageBody } from '../schemas/operator-log.ts';
import { linkNextPage, pageLimitDefault } from '../schemas/pages.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { jsonType, sendHead } from '../send-head.ts';

/** `GET /api/operator-log`: what operators created and changed, the newest entry first, in pages. */
export const listOperatorLogRoute: Route = (app, { readOperatorLog }) => {
  app.get(
    '/api/operator-log',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listOperatorLog',
        tags: ['operators'],
        summary: 'List what operators created and changed, the newest first',
        description:
          'An entry is written in the transaction of its change and never changed; that of a dead letter after its change and ' +
          'before the letter is removed. Refused and repeated calls, and ' +
          'changes that leave a coupon as it was, have none. Of claims there are the releases that only an operator may ' +
          'make: of a confirmed claim, and final ones. Unknown query parameters are refused.',
        querystring: onlyObject({
          limit: pageParameters.limit,
          cursor: cursorOf('^[0-9]{1,18}-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$'),
        }),
        response: {
          200: withHeaders(ref(LogPageBody), LinkHeader),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const { limit = pageLimitDefault, cursor } = request.query;
      if (request.method === 'HEAD') return sendHead(reply, jsonType);
      const page = await readOperatorLog({ before: toPosition(cursor), limit });
      const next = page.next === undefined ? null : `${page.next.microseconds}-${page.next.id}`;
      if (next !== null) linkNextPage(reply, { path: '/api/operator-log', limit, cursor: next });
      return { entries: page.entries.map(toEntryBody), next_cursor: next };
    },
  );
};

function toPosition(cursor: string | undefined): LogPosition | undefined {
  if (cursor === undefined) return undefined;
  const end = cursor.indexOf('-');
  return { microseconds: cursor.slice(0, end), id: cursor.slice(end + 1) };
}

function toEntryBody({ couponName, requestId, ...entry }: OperatorLogEntry) {
  return { ...entry, coupon_name: couponName, request_id: requestId };
}
