// SPDX-License-Identifier: GPL-3.0-or-later
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** The environment of a process without a package; the process writes `asked for …` for each attempt to load it. */
export async function lackingPackage(
  folder: string,
  name: string,
): Promise<Record<string, string>> {
  const hooks = join(folder, 'hooks.mjs');
  await writeFile(
    hooks,
    `import { writeSync } from 'node:fs';
     export async function resolve(specifier, context, next) {
       if (specifier !== '${name}') return next(specifier, context);
       writeSync(2, 'asked for ${name}\\n');
       const error = new Error("Cannot find package '${name}'");
       throw Object.assign(error, { code: 'ERR_MODULE_NOT_FOUND' });
     }`,
  );
  const register = join(folder, 'register.mjs');
  const url = JSON.stringify(pathToFileURL(hooks));
  await writeFile(register, `import { register } from 'node:module'; register(${url});`);
  return { NODE_OPTIONS: `--import ${pathToFileURL(register).href}` };
}
