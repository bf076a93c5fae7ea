// SPDX-License-Identifier: GPL-3.0-or-later
/** Writes `src/client/api-types.ts`: the types of what the client sends and returns, from the OpenAPI. */
import { compile, type JSONSchema } from 'json-schema-to-typescript';
import { openapiFile } from './openapi-file.ts';

type Schema = Exclude<JSONSchema, boolean>;
type Content = Record<string, { schema: Schema }>;
type Operation = {
  operationId: string;
  summary: string;
  parameters?: {
    name: string;
    in: string;
    required?: boolean;
    schema: Schema;
    description?: string;
  }[];
  requestBody?: { content: Content };
  responses: Record<string, { content?: Content }>;
};
type Types = Record<string, Schema>;
type OpenApi = {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Types };
};

const banner = [
  '// SPDX-License-Identifier: GPL-3.0-or-later',
  '/** What the client sends and returns. Generated from the routes by `npm run generate`. */',
].join('\n');

const schemaPrefix = '#/components/schemas/';

// The client describes these itself.
const ownOperations = /^(?:claimBatch|streamStock|streamTicket)$/;
// Optional in the API only for callers that do not repeat a request.
const namesItsClaim = /^(?:confirm|release|redeem)Claim$/;

/** Returns the file as text. */
export async function clientTypes(): Promise<string> {
  const { paths, components } = JSON.parse(await openapiFile()) as OpenApi;
  const types: Types = {};
  const returned: Schema[] = [];
  for (const [path, methods] of Object.entries(paths)) {
    for (const operation of Object.values(methods)) {
      if (ownOperations.test(operation.operationId)) continue;
      Object.assign(types, typesOf(path, operation, components.schemas));
      returned.push(...valuesOf(operation));
    }
  }
  addUsedSchemas(types, returned, components.schemas);
  const definitions = JSON.parse(JSON.stringify(types).replaceAll(schemaPrefix, '#/definitions/'));
  const text = await compile({ definitions, description: 'Replaced.' }, 'Api', {
    bannerComment: banner,
    additionalProperties: false,
    ignoreMinAndMaxItems: true,
    unreachableDefinitions: true,
    style: { singleQuote: true, printWidth: 100 },
  });
  return withPlainComments(text);
}

/** The arguments of an operation, if it has any. What it returns is one of the named schemas. */
function typesOf(path: string, operation: Operation, schemas: Types): Types {
  const { operationId, summary } = operation;
  const name = `${operationId[0]?.toUpperCase()}${operationId.slice(1)}`;
  const args = argumentsOf(path, operation, schemas);
  if (Object.keys(args.properties ?? {}).length === 0) return {};
  return { [`${name}Arguments`]: { description: `${summary}: its arguments.`, ...args } };
}

/** The bodies of successful responses. */
function valuesOf({ responses }: Operation): Schema[] {
  return Object.entries(responses)
    .filter(([status]) => status.startsWith('2'))
    .flatMap(([, { content }]) => content?.['application/json']?.schema ?? []);
}

/** Adds the schemas to which types and returned bodies refer, and those to which they refer in turn. */
function addUsedSchemas(types: Types, returned: Schema[], schemas: Types): void {
  const isNew = (name: string) => types[name] === undefined;
  for (;;) {
    const names = ['Problem', ...usedNames(JSON.stringify([types, returned]))].filter(isNew);
    if (names.length === 0) return;
    for (const name of names) {
      types[name] = { description: `\`${name}\` of the OpenAPI.`, ...schemas[name] };
    }
  }
}

function usedNames(json: string): string[] {
  return [...json.matchAll(/#\/components\/schemas\/(\w+)/g)].map(([, name = '']) => name);
}

/** Without the notes of the compiler, and with short comments in a line. */
function withPlainComments(text: string): string {
  return text
    .replace(/\/\*\*\n \* Replaced\.[^/]*\*\/\nexport interface Api \{[^}]*\}\n/, '')
    .replaceAll(/ \*\n \* This interface was referenced by [^\n]*\n[^\n]*\n/g, '')
    .replaceAll(/\/\*\*\n +\* ([^\n]*)\n +\*\//g, '/** $1 */');
}

/** The members of path, query and body side by side. */
function argumentsOf(
  path: string,
  { operationId, parameters = [], requestBody }: Operation,
  schemas: Types,
): Schema {
  // In a path below the coupon, `name` would not say whose name it is.
  const isBelow = path.startsWith('/api/coupons/{name}/claims');
  const inUrl = parameters.filter((parameter) => parameter.in !== 'header');
  const named = inUrl.map((parameter) => ({
    ...parameter,
    name: isBelow && parameter.name === 'name' ? 'coupon_name' : parameter.name,
  }));
  const body = resolve(requestBody?.content['application/json']?.schema ?? {}, schemas);
  const required = [
    ...named.filter((parameter) => parameter.required).map((parameter) => parameter.name),
    ...(Array.isArray(body.required) ? body.required : []),
    ...(namesItsClaim.test(operationId) ? ['claim_id'] : []),
  ];
  const properties = {
    ...Object.fromEntries(
      named.map(({ name, schema, description }) => [
        name,
        description === undefined ? schema : { description, ...schema },
      ]),
    ),
    ...body.properties,
  };
  return { type: 'object', properties, required };
}

function resolve(schema: Schema, schemas: Types): Schema {
  const name = schema.$ref?.replace(schemaPrefix, '');
  return name === undefined ? schema : (schemas[name] ?? {});
}
