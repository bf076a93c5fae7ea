// SPDX-License-Identifier: GPL-3.0-or-later
import type { DeadLetterSelection, DeadLetters } from '../../../core/tickets/dead-letters.ts';
import type { Route } from '../route.ts';
import { HandledBody, selectionFields, toHandledBody } from '../schemas/dead-letters.ts';
import { deadLettersToChange, NoQuery, onlyObject } from '../schemas/fields.ts';
import { ref } from '../schemas/ref.ts';
import { problemResponses } from '../schemas/responses.ts';
import { invalidRequest } from '../schemas/validation.ts';

const calls = {
  redrive: {
    operationId: 'redriveDeadLetters',
    summary: 'Put the claims of dead letters into the queue again',
    description:
      'They are decided like new ones, with all their attempts: a ticket that has a final state keeps it, and one past its time ' +
      'expires. At most 200 a second. A dry run is 200.',
    done: 'dead letters redriven',
    status: 202,
  },
  discard: {
    operationId: 'discardDeadLetters',
    summary: 'Remove dead letters',
    description: 'A ticket without a final state becomes `failed` first.',
    done: 'dead letters discarded',
    status: 200,
  },
} as const;

/** `POST /api/dead-letters/redrive` and `/discard`: change dead letters. Only with a queue. */
export const changeDeadLettersRoute: Route = (app, dependencies) => {
  const { deadLetters } = dependencies;
  if (deadLetters === undefined) return;
  addRoute('redrive', deadLetters.redrive, app, dependencies);
  addRoute('discard', deadLetters.discard, app, dependencies);
};

function addRoute(
  name: keyof typeof calls,
  change: DeadLetters['redrive'],
  app: Parameters<Route>[0],
  { access, log }: Parameters<Route>[1],
): void {
  const { operationId, summary, description, done, status } = calls[name];
  app.post(
    `/api/dead-letters/${name}`,
    {
      config: { access: 'admin' },
      schema: {
        ...{ operationId, summary, tags: ['dead letters'] },
        description:
          `Takes either \`ids\`, or \`all\`. ${description} ` +
          'A call changes at most 1,000 letters, looks at the first 10,000, and returns how many are left.',
        querystring: NoQuery,
        body: onlyObject(selectionFields, { minProperties: 1 }),
        response: {
          200: ref(HandledBody),
          ...(status === 202 && { 202: ref(HandledBody) }),
          ...problemResponses(400, 401, 403, 503),
        },
      },
    },
    async (request, reply) => {
      const selection = toSelection(request.body);
      const by = { actor: access.actorOf(request), requestId: request.id };
      const handled = await change(selection, by);
      if (selection.isDryRun) return toHandledBody('nothing was changed', true, handled);
      log.info({ requestId: request.id, count: handled.done }, done);
      reply.code(status);
      return toHandledBody(done, false, handled);
    },
  );
}

function toSelection(body: {
  ids?: string[];
  all?: boolean;
  dry_run?: boolean;
}): DeadLetterSelection {
  const { ids, all, dry_run: isDryRun = false } = body;
  if ((ids === undefined) === (all === undefined)) {
    throw invalidRequest([{ field: 'body', message: deadLettersToChange }]);
  }
  return { ids: ids === undefined ? 'all' : new Set(ids), isDryRun };
}
