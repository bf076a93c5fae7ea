// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules of `SAGAS_FILE` that its schema cannot express. They hold for content of any shape, which the schema judges. */
import { canonicalJson } from '../../core/canonical-json.ts';
import { placeOf, quoted, suggestion } from './schema-mistakes.ts';

const dataBytesMax = 16_384;

type Members = Record<string, unknown>;

/** A step among those of its saga. */
type Place = { steps: readonly Members[]; index: number; participants: readonly string[] };

/** The members of an object; none where it is something else. */
export function membersOf(value: unknown): Members {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Members) : {};
}

/** Every mistake in how steps, participants and data fit together. */
export function brokenRules(content: unknown): string[] {
  const { participants, sagas } = membersOf(content);
  const names = Object.keys(membersOf(participants));
  return Object.entries(membersOf(sagas)).flatMap(([name, saga]) => {
    const { steps } = membersOf(saga);
    const given = Array.isArray(steps) ? steps.map(membersOf) : [];
    return given.flatMap((step, index) =>
      rulesOfSteps.flatMap((rule) => {
        const broken = rule(step, { steps: given, index, participants: names });
        if (broken === undefined) return [];
        const [member, mistake] = broken;
        return [`${placeOf(['sagas', name, 'steps', index, member])} ${mistake}`];
      }),
    );
  });
}

/** The member of the step that breaks a rule, and how. */
type Broken = [member: string, mistake: string] | undefined;

const rulesOfSteps: ((step: Members, place: Place) => Broken)[] = [
  function isCalledOnce({ name }, { steps, index }) {
    const first = steps.findIndex((other) => other.name === name);
    if (typeof name !== 'string' || first === index) return undefined;
    return ['name', `must differ from that of steps[${first}], but is ${quoted(name)} too`];
  },
  function hasParticipant({ participant }, { participants }) {
    if (typeof participant !== 'string' || participants.includes(participant)) return undefined;
    const meant = suggestion(participant, participants);
    return [
      'participant',
      `must be a name in participants, but is ${quoted(participant)}; ${meant}`,
    ];
  },
  function capturesWhatIsAuthorized(step, { steps, index }) {
    if (step.kind !== 'payment' || step.action !== 'capture') return undefined;
    const isBefore = steps
      .slice(0, index)
      .some((other) => isSame({ ...step, action: 'authorize' }, other));
    if (isBefore) return undefined;
    return ['action', 'is capture, but no step before it authorizes a payment of this participant'];
  },
  function paysOnce(step, { steps, index }) {
    if (step.kind !== 'payment' || typeof step.action !== 'string') return undefined;
    const first = steps.findIndex((other) => isSame(step, other));
    if (first === index) return undefined;
    return [
      'action',
      `is ${quoted(step.action)}, as that of steps[${first}] with this participant`,
    ];
  },
  function isLastIfFinal({ can_be_undone: canBeUndone }, { steps, index }) {
    if (canBeUndone !== false || index === steps.length - 1) return undefined;
    return [
      'can_be_undone',
      'is false, but only the last step of a saga can be one without an undo',
    ];
  },
  function hasFewData({ data }) {
    const bytes = Buffer.byteLength(canonicalJson(membersOf(data)));
    if (bytes <= dataBytesMax) return undefined;
    return ['data', `must have at most ${dataBytesMax} bytes as JSON, but has ${bytes}`];
  },
];

function isSame(one: Members, other: Members): boolean {
  return (['kind', 'action', 'participant'] as const).every((name) => one[name] === other[name]);
}
