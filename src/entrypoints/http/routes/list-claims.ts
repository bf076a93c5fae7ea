// SPDX-License-Identifier: GPL-3.0-or-later
import { Readable } from 'node:stream';
import accepts from 'accepts';
import { Type } from 'typebox';
import type { Claim } from '../../../core/claims/claim.ts';
import type { Route } from '../route.ts';
import { CouponParams, NextCursor, PageQuery } from '../schemas/fields.ts';
import { linkNextPage, pageLimitDefault, positionOf } from '../schemas/pages.ts';
import { ClaimBody, problemResponses, ref } from '../schemas/responses.ts';
import { couponPath, toClaimBody } from '../schemas/views.ts';
import { jsonType, sendHead } from '../send-head.ts';

const csv = 'text/csv';
const ndjson = 'application/x-ndjson';
const mediaTypes = { [csv]: `${csv}; charset=utf-8`, [ndjson]: ndjson };

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
          'With `Accept: text/csv` or `application/x-ndjson` all claims are streamed. ' +
          'Unknown query parameters are refused.',
        params: CouponParams,
        querystring: PageQuery,
        response: {
          200: {
            description: 'A page, or all claims as a stream',
            content: {
              'application/json': {
                schema: Type.Object({
                  claims: Type.Array(ref(ClaimBody)),
                  next_cursor: NextCursor,
                }),
              },
              [csv]: { schema: Type.String() },
              [ndjson]: { schema: Type.String() },
            },
          },
          ...problemResponses(400, 401, 404, 503),
        },
      },
    },
    async (request, reply) => {
      const { name } = request.params;
      const { limit = pageLimitDefault, cursor } = request.query;
      const afterPosition = positionOf(cursor);
      const accepted = accepts(request.raw).types(['application/json', csv, ndjson]);
      const exported = accepted === csv || accepted === ndjson;
      const type = exported ? mediaTypes[accepted] : jsonType;
      if (request.method === 'HEAD') {
        await readCoupons.assertExists(name);
        return sendHead(reply, type);
      }
      reply.header('Content-Type', type);
      if (exported) {
        const pages = await readClaims.exportAll(name);
        const lines = Readable.from(accepted === csv ? csvLines(pages) : jsonLines(pages));
        // Fastify sends a stream as it is; the schema has the type of its text.
        return reply.send(lines as unknown as string);
      }
      const page = await readClaims.list({ couponName: name, afterPosition, limit });
      const last = page.claims.at(-1);
      const next = page.more && last !== undefined ? String(last.position) : null;
      if (next !== null) {
        linkNextPage(reply, { path: `${couponPath(name)}/claims`, limit, cursor: next });
      }
      return reply.send({ claims: page.claims.map(toClaimBody), next_cursor: next });
    },
  );
};

async function* csvLines(pages: AsyncGenerator<Claim[]>): AsyncGenerator<string> {
  yield 'position,user_id,claim_id,claimed_at\r\n';
  for await (const claims of pages) {
    yield claims
      .map((claim) =>
        [claim.position, csvField(claim.userId), claim.claimId, claim.claimedAt].join(','),
      )
      .join('\r\n')
      .concat('\r\n');
  }
}

/** Quotes the text where RFC 4180 requires it and changes nothing else. */
function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

async function* jsonLines(pages: AsyncGenerator<Claim[]>): AsyncGenerator<string> {
  for await (const claims of pages) {
    yield claims.map((claim) => `${JSON.stringify(toClaimBody(claim))}\n`).join('');
  }
}
