// SPDX-License-Identifier: GPL-3.0-or-later
import { Readable } from 'node:stream';
import accepts from 'accepts';
import { Type } from 'typebox';
import type { Claim } from '../../../core/claims/claim.ts';
import { nextAfter } from '../../../core/claims/read-claims.ts';
import { csvLines } from '../exports/claims-csv.ts';
import { attachmentOf } from '../exports/content-disposition.ts';
import type { Route } from '../route.ts';
import {
  ClaimId,
  CouponParams,
  onlyObject,
  PageQuery,
  Position,
  StatesOfClaimsOrOne,
} from '../schemas/fields.ts';
import { LinkHeader } from '../schemas/headers.ts';
import { linkNextPage, pageLimitDefault, positionOf } from '../schemas/pages.ts';
import { ref } from '../schemas/ref.ts';
import { ClaimPageBody, problemResponses } from '../schemas/responses.ts';
import { couponPath, toClaimBody } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

const csv = 'text/csv';
const ndjson = 'application/x-ndjson';
const extensions = { [csv]: 'csv', [ndjson]: 'ndjson' } as const;
const mediaTypes = { [csv]: `${csv}; charset=utf-8`, [ndjson]: ndjson };

const ClaimsQuery = onlyObject({
  ...PageQuery.properties,
  state: StatesOfClaimsOrOne,
  position: Type.Optional(Position),
  claim_id: Type.Optional(ClaimId),
  for: Type.Optional(
    Type.Literal('spreadsheet', {
      description:
        'The response is CSV for a spreadsheet, whatever `Accept` says: it begins with a byte order ' +
        "mark, and an apostrophe stands before text that would be a formula, such as `'=1+1`.",
    }),
  ),
});

/** `GET /api/coupons/{name}/claims`: the claims of a coupon, in pages or as one stream. */
export const listClaimsRoute: Route = (app, { readClaims, readCoupons }) => {
  app.get(
    '/api/coupons/:name/claims',
    {
      config: { access: 'view' },
      schema: {
        operationId: 'listClaims',
        tags: ['claims'],
        summary: 'List the claims of a coupon, in order of position',
        description:
          'With `Accept: text/csv` or `application/x-ndjson` all claims are streamed as a file. ' +
          'New columns are only ever added at the end of the CSV lines. A page of one state, or of one `claim_id`, looks at ' +
          'a limited number of claims, so it may be short or empty and still have a `next_cursor`. ' +
          'Unknown query parameters are refused.',
        params: CouponParams,
        querystring: ClaimsQuery,
        response: {
          200: {
            description: 'A page, or all claims as a stream',
            headers: {
              ...LinkHeader,
              'Content-Disposition': {
                type: 'string',
                description: 'Of an export: `attachment` with a file name.',
              },
            },
            content: {
              'application/json': {
                schema: ref(ClaimPageBody),
              },
              [csv]: { schema: Type.String() },
              [ndjson]: { schema: Type.String() },
            },
          },
          ...problemResponses(400, 401, 403, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { limit = pageLimitDefault, cursor, for: use = 'program' } = request.query;
      const { state: states, position, claim_id: claimId } = request.query;
      const afterPosition = positionOf(cursor);
      const wanted = { couponName: name, states, position, claimId };
      const accepted = accepts(request.raw).types(['application/json', csv, ndjson]);
      const exported = use === 'spreadsheet' ? csv : accepted;
      const isExport = exported === csv || exported === ndjson;
      const type = isExport ? mediaTypes[exported] : jsonType;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        if (isExport) reply.header('Content-Disposition', attachmentOf(name, extensions[exported]));
        return sendHead(reply, type);
      }
      if (isExport) {
        const pages = await readClaims.exportAll(wanted);
        const lines = exported === csv ? csvLines(pages, use) : jsonLines(pages);
        reply.header('Content-Disposition', attachmentOf(name, extensions[exported]));
        // Fastify sends a stream as it is; the schema has the type of its text.
        return reply.type(type).send(Readable.from(lines) as unknown as string);
      }
      reply.header('Content-Type', type);
      const page = await readClaims.list({ ...wanted, afterPosition, limit });
      const next = nextAfter(page)?.toString() ?? null;
      if (next !== null) {
        const filters = { state: states, position, claim_id: claimId };
        linkNextPage(reply, { path: `${couponPath(name)}/claims`, limit, cursor: next, filters });
      }
      return reply.send({ claims: page.claims.map(toClaimBody), next_cursor: next });
    },
  );
};

async function* jsonLines(pages: AsyncGenerator<Claim[]>): AsyncGenerator<string> {
  for await (const claims of pages) {
    yield claims.map((claim) => `${JSON.stringify(toClaimBody(claim))}\n`).join('');
  }
}
