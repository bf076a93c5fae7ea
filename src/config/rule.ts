// SPDX-License-Identifier: GPL-3.0-or-later
import type { SettingVariable } from './settings.ts';

/** A rule between settings, checked. */
export type Rule = {
  isBroken: boolean;
  /** The settings that the rule compares. */
  about: SettingVariable[];
  mistake: string;
};
