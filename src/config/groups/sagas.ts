// SPDX-License-Identifier: GPL-3.0-or-later
import { isPath } from '../formats.ts';
import { optionalText } from '../kinds.ts';
import type { SettingGroup } from '../setting-tree.ts';

/** The settings of sagas. */
export const sagasGroup = {
  heading: 'Sagas',
  introduction:
    'What follows a claim, step by step: see [sagas.md](sagas.md). Editors can check the file by its schema, [sagas.schema.json](sagas.schema.json).',
  settings: {
    sagas: {
      file: optionalText({
        variable: 'SAGAS_FILE',
        isValid: isPath,
        allowed: 'the path of a file',
        help: 'JSON file with the steps of sagas and the services that they call. Unset: no coupon can have a saga.',
      }),
    },
  },
} satisfies SettingGroup;
