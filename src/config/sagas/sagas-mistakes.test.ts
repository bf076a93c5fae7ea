// SPDX-License-Identifier: GPL-3.0-or-later
import { describe, expect, it } from 'vitest';
import { env, type Loose, valid } from '../../../test/support/sagas-file.ts';
import { parseSagas } from './parse-sagas.ts';
import { findSecret } from './participant-secret.ts';

function mistakesOf(text: string): string[] {
  const result = parseSagas(text, (place) => findSecret(place, env));
  return 'mistakes' in result ? result.mistakes : [];
}

function broken(breakIt: (content: Loose, steps: Loose, participants: Loose) => unknown): string[] {
  const content = valid();
  breakIt(content, content.sagas.checkout.steps, content.participants);
  return mistakesOf(JSON.stringify(content));
}

const steps = 'sagas.checkout.steps';
const nameForm = 'must be 1 to 64 letters, digits, - and _, and begin with a letter';
const pathForm = 'must be a path that begins with / and has no space, query or fragment';
const urlForm = 'must be a URL of http:// or https:// without user, query and fragment';
const secretForm = 'must name a secret of 24 to 64 bytes, or whsec_ and the Base64 of so many';
const hidden = 'but is not; it is kept hidden';

/** What is broken, how, and the mistakes. */
type Case = [string, Parameters<typeof broken>[0], ...string[]];

const shapes: Case[] = [
  [
    'a misspelt member',
    (c) => Object.assign(c, { saga: {} }),
    'saga is unknown; did you mean sagas?',
  ],
  [
    'no participants',
    (c) => delete c.participants,
    'the file must have participants',
    ...[0, 1, 2, 3].map(
      (n) =>
        `${steps}[${n}].participant must be a name in participants, but is "${n % 2 === 1 ? 'loyalty' : 'payment'}"; there is none`,
    ),
  ],
  [
    'a list of sagas',
    (c) => Object.assign(c, { sagas: [1] }),
    'sagas must be an object, but is a list of 1',
  ],
  [
    'a saga without steps and with a wrong name',
    (c) => Object.assign(c.sagas, { 'a b': {} }),
    `sagas has the name "a b", which ${nameForm}`,
    'sagas["a b"] must have steps',
  ],
  [
    'a name that objects have of themselves',
    (c) =>
      Object.defineProperty(c.sagas, '__proto__', {
        value: { steps: c.sagas.checkout.steps },
        enumerable: true,
      }),
    `sagas has the name "__proto__", which ${nameForm}`,
  ],
  [
    'no step',
    (_, s) => s.splice(0),
    `${steps} must be a list of 1 to 16 steps, but is a list of 0`,
  ],
  [
    '17 steps',
    (_, s) => s.unshift(...Array.from({ length: 13 }, (_, n) => ({ ...s[1], name: `s${n}` }))),
    `${steps} must be a list of 1 to 16 steps, but is a list of 17`,
  ],
  ['a step that is a number', (_, s) => s.unshift(5), `${steps}[0] must be an object, but is 5`],
];

const members: Case[] = [
  [
    'a step of no known kind',
    (_, s) => Object.assign(s[1], { kind: 'loyality' }),
    `${steps}[1].kind must be one of payment, loyalty, http, but is "loyality"; did you mean loyalty?`,
  ],
  [
    'a step without its members',
    (_, s) => s.splice(0, 4, {}),
    `${steps}[0] must have name`,
    `${steps}[0] must have kind`,
    `${steps}[0] must have participant`,
  ],
  [
    'a member of another kind of step',
    (_, s) => Object.assign(s[1], { run: '/grant' }),
    `${steps}[1].run is unknown; allowed: name, kind, participant, data, timeout_ms, attempts, undo_attempts, backoff_ms, action`,
  ],
  [
    'a misspelt member of a step',
    (_, s) => Object.assign(s[1], { atempts: 4 }),
    `${steps}[1].atempts is unknown; did you mean attempts?`,
  ],
  [
    'an action of another kind',
    (_, s) => Object.assign(s[1], { action: 'capture' }),
    `${steps}[1].action must be grant, but is "capture"`,
  ],
  [
    'a misspelt action',
    (_, s) => Object.assign(s[2], { action: 'captur' }),
    `${steps}[2].action must be one of authorize, capture, but is "captur"; did you mean capture?`,
  ],
  [
    'a name with a colon',
    (_, s) => Object.assign(s[1], { name: 'a:b' }),
    `${steps}[1].name ${nameForm}, but is "a:b"`,
  ],
  [
    'numbers out of their limits',
    (_, s) =>
      Object.assign(s[1], { timeout_ms: 99, attempts: 0, undo_attempts: 1.5, backoff_ms: '200' }),
    `${steps}[1].timeout_ms must be a whole number of milliseconds from 100 to 60000, but is 99`,
    `${steps}[1].attempts must be a whole number from 1 to 100, but is 0`,
    `${steps}[1].undo_attempts must be a whole number from 1 to 1000, but is 1.5`,
    `${steps}[1].backoff_ms must be a whole number of milliseconds from 10 to 60000, but is "200"`,
  ],
  [
    'data that is a list',
    (_, s) => Object.assign(s[1], { data: [] }),
    `${steps}[1].data must be an object, but is a list of 0`,
  ],
  ['a call without a path', (_, s) => delete s[3].run, `${steps}[3] must have run`],
  [
    'a path that is none',
    (_, s) => Object.assign(s[3], { run: 'codes?x=1' }),
    `${steps}[3].run ${pathForm}, but is "codes?x=1"`,
  ],
  [
    'a call that nothing undoes',
    (_, s) => delete s[3].can_be_undone,
    `${steps}[3] must have exactly one of undo and can_be_undone`,
  ],
  [
    'an undo of what cannot be undone',
    (_, s) => Object.assign(s[3], { undo: '/x' }),
    `${steps}[3] must have exactly one of undo and can_be_undone`,
  ],
  [
    'a value of can_be_undone that says nothing',
    (_, s) => Object.assign(s[3], { can_be_undone: true }),
    `${steps}[3].can_be_undone must be false, or left out where the step has an undo, but is true`,
  ],
];

const rules: Case[] = [
  [
    'a participant that there is not',
    (_, s) => Object.assign(s[1], { participant: 'loyalti' }),
    `${steps}[1].participant must be a name in participants, but is "loyalti"; did you mean loyalty?`,
  ],
  [
    'two steps of a name',
    (_, s) => Object.assign(s[2], { name: 'authorize' }),
    `${steps}[2].name must differ from that of steps[0], but is "authorize" too`,
  ],
  [
    'a capture before its authorization',
    (_, s) => s.unshift(...s.splice(2, 1)),
    `${steps}[0].action is capture, but no step before it authorizes a payment of this participant`,
  ],
  [
    'a capture with another participant',
    (_, s) => Object.assign(s[2], { participant: 'loyalty' }),
    `${steps}[2].action is capture, but no step before it authorizes a payment of this participant`,
  ],
  [
    'a payment that is authorized twice',
    (_, s) => s.splice(1, 0, { ...s[0], name: 'again' }),
    `${steps}[1].action is "authorize", as that of steps[0] with this participant`,
  ],
  [
    'a step without an undo before another',
    (_, s) => s.push({ ...s[1], name: 'last' }),
    `${steps}[3].can_be_undone is false, but only the last step of a saga can be one without an undo`,
  ],
  [
    'more data than a call can have',
    (_, s) => Object.assign(s[1], { data: { text: 'é'.repeat(8_192) } }),
    `${steps}[1].data must have at most 16384 bytes as JSON, but has 16395`,
  ],
];

const participants: Case[] = [
  [
    'a secret in the file itself',
    (_, __, p) => Object.assign(p.payment, { secret: 'hunter2' }),
    'participants.payment.secret is unknown; did you mean secret_env?',
  ],
  [
    'no secret',
    (_, __, p) => delete p.payment.secret_env,
    'participants.payment must have exactly one of secret_env and secret_file',
  ],
  [
    'a secret of two places',
    (_, __, p) => Object.assign(p.payment, { secret_file: '/nowhere' }),
    'participants.payment must have exactly one of secret_env and secret_file',
  ],
  [
    'a secret in place of its variable',
    (_, __, p) => Object.assign(p.payment, { secret_env: 'hunter 2' }),
    `participants.payment.secret_env must be the name of an environment variable, ${hidden}`,
    'participants.payment.secret_env names an environment variable that is not set',
  ],
  [
    'a variable that is not set',
    (_, __, p) => Object.assign(p.payment, { secret_env: 'OTHER' }),
    'participants.payment.secret_env names an environment variable that is not set',
  ],
  [
    'a file that there is not',
    (_, __, p) => Object.assign(p, { payment: { url: p.payment.url, secret_file: '/nowhere' } }),
    'participants.payment.secret_file must name a file that can be read, but "/nowhere" cannot: there is no such file',
  ],
  ...[
    'ftp://a.example',
    'http://ada:hunter2@a.example',
    'http://a.example?x',
    'a.example',
    'http://a b',
    'http://',
  ].map(
    (url): Case => [
      `the URL ${url}`,
      (_, __, p) => Object.assign(p.payment, { url }),
      `participants.payment.url ${urlForm}, ${hidden}`,
    ],
  ),
];

describe('a file with a mistake', () => {
  it.each([...shapes, ...members, ...rules, ...participants])(
    'is refused for %s, with its place and what is allowed',
    (_, breakIt, ...mistakes) => {
      expect(broken(breakIt)).toEqual(mistakes);
    },
  );

  it.each([
    ['short', 'x'.repeat(23), 'has 23'],
    ['long', 'x'.repeat(65), 'has 65'],
    ['short behind whsec_', `whsec_${btoa('x'.repeat(23))}`, 'has 23'],
    ['no Base64 behind whsec_', `whsec_${'!'.repeat(40)}`, 'is no Base64'],
  ])('is refused for a secret that is %s, which is not shown', (_, secret, found) => {
    const content = JSON.stringify(valid());
    const result = parseSagas(content, (place) =>
      findSecret(place, { ...env, PAYMENT_SECRET: secret }),
    );
    expect(result).toMatchObject({
      mistakes: [`participants.payment.secret_env ${secretForm}, but it ${found}`],
    });
  });

  it('is refused with every mistake at once', () => {
    const found = broken((content, steps, participants) => {
      Object.assign(content, { more: 1 });
      Object.assign(steps[0], { timeout_ms: 1 });
      Object.assign(steps[1], { name: 'authorize', participant: 'loyal' });
      delete participants.loyalty.url;
    });
    expect(found).toHaveLength(5);
  });

  it('is refused as a whole where it is no JSON, with the line and the column', () => {
    expect(mistakesOf('{\n  "sagas": {},\n  sagas: 1\n}')).toEqual([
      'line 3, column 3: a name in double quotes is expected',
    ]);
  });
});
