// SPDX-License-Identifier: GPL-3.0-or-later
/** Preloaded by `node --import`: writes the URL of each module that the process loads to standard error. */
import { register } from 'node:module';

const hooks = `
  import { writeSync } from 'node:fs';
  export async function load(url, context, next) {
    writeSync(2, 'loads ' + url + '\\n');
    return next(url, context);
  }`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
