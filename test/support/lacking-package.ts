// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The environment of a process without these packages; the process writes `asked for …` for each attempt to load it. */
export async function lackingPackage(
  folder: string,
  ...names: string[]
): Promise<Record<string, string>> {
  const hooks = join(folder, `hooks ${names.join(' ')}.mjs`);
  await writeFile(
    hooks,
    `import { writeSync } from 'node:fs';
     export async function resolve(specifier, context, next) {
       if (!${JSON.stringify(names)}.includes(specifier)) return next(specifier, context);
       writeSync(2, 'asked for ' + specifier + '\\n');
       const error = new Error("Cannot find package '" + specifier + "'");
       throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
     }`,
  );
  const register = join(folder, `register ${names.join(' ')}.mjs`);
  const url = JSON.stringify(pathToFileURL(hooks));
  await writeFile(register, `import { register } from 'node:module'; register(${url});`);
  return { NODE_OPTIONS: `--import ${pathToFileURL(register).href}` };
}
