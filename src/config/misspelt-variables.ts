// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Finds variables whose names are misspelt names of settings. Most variables of an environment are other programs', so
 * a name counts only when it can hardly be meant otherwise.
 */
import { type IsNear, nearestName } from '../core/nearest-name.ts';
import { type SettingVariable, settings } from './settings.ts';

/** A variable that is set, and is not the setting that it seems to be meant for. */
export type MisspeltVariable = { about: SettingVariable; mistake: string };

/** Every name that is read, with its setting. */
const known = new Map<string, SettingVariable>(
  settings.flatMap(({ variable, secret }) => [
    [variable, variable] as const,
    ...(secret ? ([[`${variable}_FILE`, variable]] as const) : []),
  ]),
);

const notFromFile = new Map(
  settings.filter(({ secret }) => !secret).map(({ variable }) => [`${variable}_FILE`, variable]),
);

/**
 * Whether a name is a slip of the keyboard away from a setting's, and not a word of its own. The shorter a name, the more
 * words are near it. Lengths are without separators.
 */
const isSlip: IsNear = (edits, setting, name) => {
  // DATABASE_URL_2 is numbered on purpose.
  if (without(/\D/g, setting) !== without(/\D/g, name)) return false;
  // Also a missing unit, as in CLAIM_TIMEOUT.
  if (setting.length >= 14) return edits <= 2;
  // DATABASE_SSL is two edits from DATABASE_URL.
  if (setting.length >= 10) return edits <= 1;
  // LOGLEVEL, which differs in the separator alone, and GLOG_LEVEL are in use.
  if (edits !== 1 || setting[0] !== name[0]) return false;
  // So are WORKER and LOG_LEVELS.
  if (setting.length >= 7) return without(/s/g, setting) !== without(/s/g, name);
  // HOSTS and PART are words, PROT and PORTT are not.
  return sorted(setting) === sorted(name) || setting === name.replace(/(.)\1/, '$1');
};

/** The variables that are misspelt; one that is empty counts as unset. Their values, which may be secret, are not shown. */
export function misspeltVariables(env: NodeJS.ProcessEnv): MisspeltVariable[] {
  const misspelt: MisspeltVariable[] = [];
  for (const [name, value] of Object.entries(env)) {
    if (!value || known.has(name)) continue;
    const fileOf = notFromFile.get(name);
    if (fileOf !== undefined) {
      const mistake = `${name} is not read: only secrets can come from files; set ${fileOf}`;
      misspelt.push({ about: fileOf, mistake });
      continue;
    }
    const meant = nearestName(name, known.keys(), isSlip);
    const about = meant === undefined ? undefined : known.get(meant);
    if (about === undefined) continue;
    misspelt.push({ about, mistake: `${shown(name)} is unknown; did you mean ${meant}?` });
  }
  return misspelt;
}

function without(characters: RegExp, name: string): string {
  return name.replaceAll(characters, '');
}

function sorted(name: string): string {
  return [...name].sort().join('');
}

/** As it is, or quoted where a space or a control character would not show. */
function shown(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name);
}
