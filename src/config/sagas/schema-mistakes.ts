// SPDX-License-Identifier: GPL-3.0-or-later
/** What breaks the schema of `SAGAS_FILE`, in sentences that say where it is and what is allowed. */
import { createRequire } from 'node:module';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { nearestName } from '../../core/nearest-name.ts';
import { sagasSchema } from './schema.ts';

// Loaded at the first use: most services have no sagas.
let validate: ValidateFunction | undefined;

function compiled(): ValidateFunction {
  if (validate !== undefined) return validate;
  const { Ajv } = createRequire(import.meta.url)('ajv') as typeof import('ajv');
  const ajv = new Ajv({
    ...{ allErrors: true, verbose: true, strictTypes: false },
    formats: { uri: (text) => URL.canParse(text) },
  });
  validate = ajv.compile(sagasSchema);
  return validate;
}

/** Every mistake, in the order of the file's places. */
export function schemaMistakes(content: unknown): string[] {
  const check = compiled();
  if (check(content)) return [];
  return [...new Set((check.errors ?? []).flatMap(toMistakes))];
}

/** A place in the file as JavaScript writes it: `sagas.checkout.steps[2].timeout_ms`. */
export function placeOf(path: readonly (string | number)[]): string {
  if (path.length === 0) return 'the file';
  return path
    .map((part, index) => {
      if (typeof part === 'number') return `[${part}]`;
      if (!/^[A-Za-z_$][\w$-]*$/.test(part)) return `[${quoted(part)}]`;
      return index === 0 ? part : `.${part}`;
    })
    .join('');
}

/** As JSON, which shows spaces and control characters, and shortened. */
export function quoted(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length <= 60 ? json : `${json.slice(0, 60)}…`;
}

/** A suggestion, or all names where none is near. */
export function suggestion(given: string, names: readonly string[]): string {
  const near = nearestName(given, names);
  if (near !== undefined) return `did you mean ${near}?`;
  return names.length === 0 ? 'there is none' : `allowed: ${names.join(', ')}`;
}

function toMistakes(error: ErrorObject): string[] {
  const { keyword, params, parentSchema, schemaPath, propertyName } = error;
  const path = pathOf(error.instancePath);
  const place = placeOf(path);
  // The parts of a choice, and the name that `propertyNames` reports once more.
  if (keyword === 'if' || /\/oneOf\/\d/.test(schemaPath) || propertyName !== undefined) return [];
  if (keyword === 'required') return [`${place} must have ${params.missingProperty}`];
  if (keyword === 'oneOf') return [`${place} must have exactly one of ${choices(error)}`];
  if (keyword === 'additionalProperties') {
    const given: string = params.additionalProperty;
    const names = Object.keys(parentSchema?.properties ?? {}).filter((one) => one !== '$schema');
    return [`${placeOf([...path, given])} is unknown; ${suggestion(given, names)}`];
  }
  if (keyword === 'propertyNames') {
    const { title } = error.schema as { title: string };
    return [`${place} has the name ${quoted(params.propertyName)}, which must be ${title}`];
  }
  return [`${place} must be ${parentSchema?.title}, but is ${shown(error, path)}`];
}

function choices({ schema }: ErrorObject): string {
  return (schema as { required: string[] }[]).flatMap(({ required }) => required).join(' and ');
}

/** A wrong value. What stands among the participants may be a secret, given instead of its place. */
function shown({ data, keyword, params }: ErrorObject, path: readonly (string | number)[]): string {
  if (Array.isArray(data)) return `a list of ${data.length}`;
  if (typeof data === 'object' && data !== null) return 'an object';
  if (path[0] === 'participants' && typeof data === 'string') return 'not; it is kept hidden';
  const near = keyword === 'enum' && typeof data === 'string' ? data : undefined;
  const meant = near === undefined ? undefined : nearestName(near, params.allowedValues);
  return meant === undefined ? quoted(data) : `${quoted(data)}; did you mean ${meant}?`;
}

/** A JSON pointer as its parts. In the file all lists are below objects, and no name is a number. */
function pathOf(pointer: string): (string | number)[] {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? Number(part) : part));
}
