// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * The JSON schema of `SAGAS_FILE`. The check at the start and the published `docs/sagas.schema.json` are this one. Each `title`
 * is what is allowed, in a phrase that follows "must be": mistakes and editors show it.
 */

/** What a call of a kind does, and the paths below the address of its participant. */
export const actions = {
  payment: {
    authorize: { run: '/authorize', undo: '/void' },
    capture: { run: '/capture', undo: '/refund' },
  },
  loyalty: { grant: { run: '/grant', undo: '/revoke' } },
} as const;

/** What a step has where the file does not say it. */
export const stepDefaults = {
  timeout_ms: 3_000,
  attempts: 5,
  undo_attempts: 30,
  backoff_ms: 200,
} as const;

const nameForm = '^[A-Za-z][A-Za-z0-9_-]{0,63}$';
const nameTitle = '1 to 64 letters, digits, - and _, and begin with a letter';
const name = { type: 'string', pattern: nameForm, title: nameTitle };
const named = (of: object) => ({
  type: 'object',
  title: 'an object',
  propertyNames: { pattern: nameForm, title: nameTitle },
  additionalProperties: of,
});

const wholeNumber = (
  entry: { min: number; max: number; unit?: string },
  described: { default: number; description: string },
) => ({
  ...{ type: 'integer', minimum: entry.min, maximum: entry.max },
  title: `a whole number ${entry.unit ?? ''}from ${entry.min} to ${entry.max}`,
  ...described,
});

const path = (description: string) => ({
  ...{ type: 'string', pattern: '^/[^\\s?#\\\\]*$', maxLength: 1_000 },
  title: 'a path that begins with / and has no space, query or fragment',
  description,
});

const participant = {
  ...{ type: 'object', title: 'an object' },
  description: 'A service that takes part in sagas.',
  required: ['url'],
  properties: {
    url: {
      ...{ type: 'string', format: 'uri', pattern: '^https?://[^\\s?#@\\\\]+$' },
      title: 'a URL of http:// or https:// without user, query and fragment',
      description: 'Its address. The paths of its calls follow it.',
    },
    secret_env: {
      ...{ type: 'string', pattern: '^[A-Za-z_][A-Za-z0-9_]*$' },
      title: 'the name of an environment variable',
      description: 'The environment variable that has the secret by which its calls are signed.',
    },
    secret_file: {
      ...{ type: 'string', minLength: 1 },
      title: 'the path of a file',
      description: 'The file that has the secret by which its calls are signed.',
    },
  },
  additionalProperties: false,
  oneOf: [{ required: ['secret_env'] }, { required: ['secret_file'] }],
};

const milliseconds = (min: number, max: number) => ({ min, max, unit: 'of milliseconds ' });

const shared = {
  name: { ...name, description: 'Names the step among those of its saga.' },
  kind: {
    enum: ['payment', 'loyalty', 'http'],
    title: 'one of payment, loyalty, http',
    description: 'What the step is for: it names the calls of the step.',
  },
  participant: { ...name, description: 'The service that is called: a name in participants.' },
  data: {
    ...{ type: 'object', title: 'an object', default: {} },
    description: 'What the service gets with each call of the step, besides the claim.',
  },
  timeout_ms: wholeNumber(milliseconds(100, 60_000), {
    default: stepDefaults.timeout_ms,
    description: 'How long a call may take.',
  }),
  attempts: wholeNumber(
    { min: 1, max: 100 },
    {
      default: stepDefaults.attempts,
      description: 'Calls without a definite answer before the saga is undone.',
    },
  ),
  undo_attempts: wholeNumber(
    { min: 1, max: 1_000 },
    {
      default: stepDefaults.undo_attempts,
      description: 'Failed calls of the undo before the saga needs attention.',
    },
  ),
  backoff_ms: wholeNumber(milliseconds(10, 60_000), {
    default: stepDefaults.backoff_ms,
    description: 'The wait before the second call. It doubles with each further one.',
  }),
};
// Checked by `shared` above.
const sharedNames = Object.fromEntries(Object.keys(shared).map((one) => [one, true]));

/** The members that only steps of a kind have. */
const stepOf = (
  kind: string,
  members: { required: string[]; properties: object; oneOf?: object[] },
) => ({
  if: { type: 'object', properties: { kind: { const: kind } }, required: ['kind'] },
  // biome-ignore lint/suspicious/noThenProperty: the keyword of JSON schema
  then: {
    ...members,
    properties: { ...sharedNames, ...members.properties },
    additionalProperties: false,
  },
});

const actionOf = (kind: keyof typeof actions) => {
  const names = Object.keys(actions[kind]);
  const calls = Object.entries<{ run: string; undo: string }>(actions[kind]).map(
    ([action, { run, undo }]) => `${action} calls ${run}, and ${undo} to undo it`,
  );
  return stepOf(kind, {
    required: ['action'],
    properties: {
      action: {
        enum: names,
        title: names.length === 1 ? `${names}` : `one of ${names.join(', ')}`,
        description: `${calls.join('; ')}.`,
      },
    },
  });
};

const httpStep = stepOf('http', {
  required: ['run'],
  properties: {
    run: path('The path of the call that does it.'),
    undo: path('The path of the call that undoes it.'),
    can_be_undone: {
      ...{ const: false, title: 'false, or left out where the step has an undo' },
      description: 'A step that cannot be undone is the last one of its saga.',
    },
  },
  oneOf: [{ required: ['undo'] }, { required: ['can_be_undone'] }],
});

const step = {
  ...{ type: 'object', title: 'an object' },
  description: 'A call that does something, and the call that undoes it.',
  required: ['name', 'kind', 'participant'],
  properties: shared,
  allOf: [actionOf('payment'), actionOf('loyalty'), httpStep],
};

/** The schema of the whole file. */
export const sagasSchema = {
  $schema: 'http://json-schema.org/draft-07/schema#',
  ...{ type: 'object', title: 'an object' },
  description: 'The sagas of firstcome: what follows a claim, step by step.',
  required: ['participants', 'sagas'],
  properties: {
    $schema: { type: 'string', title: 'a text', description: 'For editors; not read.' },
    participants: { ...named(participant), description: 'The services that are called, by name.' },
    sagas: {
      ...named({
        ...{ type: 'object', title: 'an object', required: ['steps'], additionalProperties: false },
        properties: {
          steps: {
            ...{ type: 'array', minItems: 1, maxItems: 16, items: step },
            title: 'a list of 1 to 16 steps',
            description: 'They are run in this order, and undone in reverse order.',
          },
        },
      }),
      description: 'The sagas by name. A coupon names its saga.',
    },
  },
  additionalProperties: false,
};
