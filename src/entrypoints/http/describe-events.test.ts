// SPDX-License-Identifier: GPL-3.0-or-later
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { describe, expect, it } from 'vitest';
import { eventTypes } from '../../core/events/ports.ts';
import { sampleEvent, samplePrefix } from '../../core/webhooks/sample-event.ts';
import { describeEvents } from './describe-events.ts';
import { sharedEnums } from './schemas/enums.ts';
import { CouponEventData, toEventBody } from './schemas/event-body.ts';
import { ClaimBody } from './schemas/responses.ts';

const id = '01947a5c-3e2f-7d10-8b6a-5f0c1d2e3f40';
const at = '2030-01-31T18:00:00.000000Z';

/** The described body of a type of event, as one document with what it refers to, without unknown members. */
function schemaOf(type: string): object {
  // biome-ignore lint/suspicious/noExplicitAny: the description is read as JSON.
  const described = JSON.parse(JSON.stringify(describeEvents())) as any;
  const { schema } = described[type].post.requestBody.content['application/json'];
  const schemas = Object.fromEntries(
    [ClaimBody, CouponEventData, ...sharedEnums].map((shared) => {
      // As OpenAPI has them, where `ClaimState#` is a name among the components.
      const text = JSON.stringify(shared).replaceAll(
        /"\$ref":"(\w+)#"/g,
        '"$ref":"#/components/schemas/$1"',
      );
      const { $id, ...rest } = JSON.parse(text);
      return [$id, rest.type === 'object' ? { ...rest, additionalProperties: false } : rest];
    }),
  );
  return { ...schema, additionalProperties: false, components: { schemas } };
}

describe('the description of events', () => {
  it.each(eventTypes)('a body of %s is as its description says, with all its members', (type) => {
    const ajv = new Ajv2020({ strict: false, allErrors: true });
    formats.default(ajv, ['date-time', 'uuid']);
    const validate = ajv.compile(schemaOf(type));
    const body = JSON.parse(toEventBody(sampleEvent(type, { id, at, couponName: 'LAUNCH' })));
    expect(validate(body), JSON.stringify(validate.errors)).toBe(true);
    expect(body).toMatchObject({ id: `${samplePrefix}${id}`, type, timestamp: at });
    expect(body.data.coupon_name).toBe('LAUNCH');
    for (const member of ['id', 'type', 'timestamp', 'data']) {
      const { [member]: _, ...others } = body;
      expect(validate(others), member).toBe(false);
    }
  });

  it('a released claim has a reason, and a reserved one the end of its hold', () => {
    const dataOf = (type: 'claim.released' | 'claim.reserved') =>
      JSON.parse(toEventBody(sampleEvent(type, { id, at, couponName: null }))).data;
    expect(dataOf('claim.released')).toMatchObject({ state: 'released', reason: 'test' });
    const expires_at = '2030-01-31T18:10:00.000000Z';
    expect(dataOf('claim.reserved')).toMatchObject({ state: 'reserved', expires_at });
  });
});
