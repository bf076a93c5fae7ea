// SPDX-License-Identifier: GPL-3.0-or-later
import { Type } from 'typebox';
import { foundUntilRule } from '../../../core/input-rules.ts';
import type { Route } from '../route.ts';
import { NoQuery, onlyObject } from '../schemas/fields.ts';
import { AcceptedHistoryBody } from '../schemas/lost-history.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';

/** `POST /api/lost-history/accept`: goes on without the batches that the database lacks. */
export const acceptHistoryRoute: Route = (app, { lostHistory, access, log }) => {
  app.post(
    '/api/lost-history/accept',
    {
      config: { access: 'admin' },
      schema: {
        operationId: 'acceptHistory',
        tags: ['operators'],
        summary: 'Go on without the acknowledged batches that the database lacks',
        description:
          'Accepts what was found up to `found_until`; what is found later is not accepted. Every process serves calls again ' +
          'about a second later. The operator log gets one entry for each coupon.',
        querystring: NoQuery,
        body: onlyObject({
          found_until: Type.String({
            ...foundUntilRule,
            description: 'As `readLostHistory` returns it.',
          }),
        }),
        response: {
          200: ref(AcceptedHistoryBody),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request) => {
      const by = { actor: access.actorOf(request), requestId: request.id };
      const accepted = await lostHistory.accept(request.body.found_until, by);
      log.info({ requestId: request.id, batches: accepted }, 'lost history accepted');
      return { message: 'lost history accepted', accepted };
    },
  );
};
