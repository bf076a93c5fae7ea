// SPDX-License-Identifier: GPL-3.0-or-later
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectApiHeaders, expectInvalid, expectProblem } from '../support/contract-problems.ts';
import { newName, pathOf, useService } from '../support/contract-service.ts';
import { parseCsv } from '../support/parse-csv.ts';

const byteOrderMark = '\ufeff';
const columns = [
  ...['position', 'user_id', 'claim_id', 'claimed_at', 'coupon_name'],
  ...['state', 'expires_at', 'released_at', 'reason', 'saga_id', 'saga_state'],
];
const service = useService();

const csvOf = (coupon: string) =>
  service.client.get(pathOf(coupon, 'claims'), { Accept: 'text/csv' });
const spreadsheetOf = (coupon: string, accept?: string) =>
  service.client.get(`${pathOf(coupon, 'claims')}?for=spreadsheet`, { Accept: accept });

/** The claims as the JSON list shows them, in the columns of the CSV. */
async function listed(coupon: string): Promise<string[][]> {
  const { claims } = (await service.client.get(pathOf(coupon, 'claims'))).json;
  return claims.map((claim: Record<string, unknown>) =>
    columns.map((name) => String(claim[name] ?? '')),
  );
}

/** A text that may name a coupon or a user, with many characters that matter in CSV. */
const name = fc
  .oneof(
    fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
    fc
      .array(fc.constantFrom(...',;"\'=+-@|\t\r\n \u00a0\ufeff＝１ab'), {
        minLength: 1,
        maxLength: 12,
      })
      .map((characters) => characters.join('')),
  )
  .filter((text) => !/[\p{Cc}\p{Cs}]/u.test(text) && !/^\.{1,2}$/.test(text));

async function withClaims(users: string[], couponName?: string): Promise<string> {
  const fields = couponName === undefined ? {} : { name: couponName };
  const coupon = await service.createCoupon({ amount: 100, ...fields });
  for (const user of users) await service.mustClaim(coupon, { user });
  return coupon;
}

describe('the CSV export', () => {
  it('a CSV reader gets every name back unchanged', async () => {
    const coupons = new Set<string>();
    await fc.assert(
      fc.asyncProperty(name, fc.uniqueArray(name, { maxLength: 8 }), async (couponName, users) => {
        fc.pre(!coupons.has(couponName));
        coupons.add(couponName);
        const coupon = await withClaims(users, couponName);
        const [header, ...rows] = parseCsv((await csvOf(coupon)).text);
        expect(header).toEqual(columns);
        expect(rows).toEqual(await listed(coupon));
      }),
      { numRuns: 60 },
    );
  });
});

describe('the export for a spreadsheet', () => {
  const formulas = ['=1+1', '+1', '-1', '@SUM(A1)', '＝1', '＋1', '－1', '＠x', ' =1', '"=1'];

  it('begins with a byte order mark and is CSV whatever Accept says', async () => {
    const coupon = await withClaims(['ünï 🎟']);
    for (const accept of [undefined, 'text/html,*/*', 'application/json', 'application/x-ndjson']) {
      const answer = await spreadsheetOf(coupon, accept);
      expect(answer.status).toBe(200);
      expect(answer.headers['content-type']).toBe('text/csv; charset=utf-8');
      expect(answer.headers['content-disposition']).toMatch(/^attachment; .*\.csv/);
      expectApiHeaders(answer);
      expect(answer.text.startsWith(`${byteOrderMark}position,`)).toBe(true);
      expect(parseCsv(answer.text.slice(1)).slice(1)).toEqual(await listed(coupon));
    }
    expect((await csvOf(coupon)).text.startsWith('position,')).toBe(true);
  });

  it.each(formulas)('puts an apostrophe before the name %s', async (text) => {
    const coupon = await withClaims([text], `${text} coupon`);
    const [, row] = parseCsv((await spreadsheetOf(coupon)).text.slice(1));
    expect(row?.[1]).toBe(`'${text}`);
    expect(row?.[4]).toBe(`'${text} coupon`);
  });

  it.each(['a=1', 'a-b', "'=1", 'user@example.com', '1', 'a b', '"', "it's"])(
    'leaves the name %s unchanged',
    async (user) => {
      const [, row] = parseCsv((await spreadsheetOf(await withClaims([user]))).text.slice(1));
      expect(row?.[1]).toBe(user);
    },
  );

  it('puts an apostrophe before a formula that begins after a list separator', async () => {
    const coupon = await withClaims(['a;=1', 'b,@c', 'd|-1;+2']);
    const rows = parseCsv((await spreadsheetOf(coupon)).text.slice(1)).slice(1);
    expect(rows.map((row) => row[1])).toEqual(["a;'=1", "b,'@c", "d|'-1;'+2"]);
  });

  it('no cell of any names is a formula, and only apostrophes are added', async () => {
    const plain = (text: string) => text.replaceAll("'", '');
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(name, { minLength: 1, maxLength: 8 }), async (users) => {
        const coupon = await withClaims(users);
        const text = (await spreadsheetOf(coupon)).text.slice(1);
        const rows = parseCsv(text).slice(1);
        expect(rows.map((row) => row.map(plain))).toEqual(
          (await listed(coupon)).map((row) => row.map(plain)),
        );
        for (const cell of [...rows.flat(), ...text.split(/[;,|\r\n]/)]) {
          expect(cell).not.toMatch(/^[\s"]*[=+\-@＝＋－＠]/);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('an unknown use is refused, and an unknown coupon is not found', async () => {
    const path = pathOf(await service.createCoupon(), 'claims');
    expectInvalid(await service.client.get(`${path}?for=program`), 'for');
    expectProblem(await spreadsheetOf(newName()), 'coupon_not_found');
  });
});

describe('the file name of an export', () => {
  const fileNameOf = async (coupon: string, accept = 'text/csv') => {
    await service.createCoupon({ name: coupon });
    const { headers } = await service.client.get(pathOf(coupon, 'claims'), { Accept: accept });
    return headers['content-disposition'];
  };

  it('an export is an attachment that is named after its coupon', async () => {
    expect(await fileNameOf('LAUNCH-2030')).toBe(
      'attachment; filename="claims of LAUNCH-2030.csv"',
    );
    expect(await fileNameOf('LAUNCH 2031', 'application/x-ndjson')).toBe(
      'attachment; filename="claims of LAUNCH 2031.ndjson"',
    );
  });

  it('a page of claims is no attachment', async () => {
    expect(await fileNameOf('page', 'application/json')).toBeUndefined();
  });

  it('HEAD answers the same file name as GET', async () => {
    const coupon = await service.createCoupon({ name: 'für HEAD' });
    const call = { path: pathOf(coupon, 'claims'), headers: { Accept: 'text/csv' } };
    const [get, head] = await Promise.all(
      ['GET', 'HEAD'].map((method) => service.client.call({ method, ...call })),
    );
    expect(head?.headers['content-disposition']).toBe(get?.headers['content-disposition']);
    expect(head?.headers['content-disposition']).toContain('f%C3%BCr%20HEAD');
  });

  it('a client that reads RFC 8187 gets the name of any coupon', async () => {
    await fc.assert(
      fc.asyncProperty(name, async (coupon) => {
        fc.pre((await service.client.get(pathOf(coupon))).status === 404);
        const header = (await fileNameOf(coupon)) ?? '';
        const [, ascii, utf8] =
          /^attachment; filename="([\x20-\x7e]+)"(?:; filename\*=UTF-8''([\w!#$&+\-.^`|~%]+))?$/.exec(
            header,
          ) ?? [];
        const fileName = utf8 === undefined ? (ascii ?? '') : decodeURIComponent(utf8);
        expect(fileName).toMatch(/^claims of .+\.csv$/su);
        expect(Buffer.byteLength(fileName)).toBeLessThanOrEqual(255);
        expect(`${ascii}${fileName}`).not.toMatch(/[<>:"/\\|?*\p{Cc}\p{Bidi_Control}]/u);
      }),
      { numRuns: 60 },
    );
  });
});
