// SPDX-License-Identifier: GPL-3.0-or-later
/**
 * Finds variables with misspelt names of settings. Most variables belong to other programs, so a name counts only when
 * another meaning is unlikely.
 */
import { type IsNear, nearestName } from '../core/nearest-name.ts';
import { type SettingVariable, settings } from './settings.ts';

/** A misspelt variable: the setting that it is probably meant for, and the mistake. */
export type MisspeltVariable = { about: SettingVariable; mistake: string };

/** Every name that the service reads, with its setting. */
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
 * Whether a name is a typing error away from a setting's and not a name of its own. The shorter a name, the more words are
 * near it. Lengths are without separators.
 */
const isTypingError: IsNear = (edits, setting, name) => {
  // The number in DATABASE_URL_2 is intended.
  if (without(/\D/g, setting) !== without(/\D/g, name)) return false;
  // Two edits also cover a missing unit, as in CLAIM_TIMEOUT.
  if (setting.length >= 14) return edits <= 2;
  // DATABASE_SSL is two edits from DATABASE_URL.
  if (setting.length >= 10) return edits <= 1;
  // Other programs use LOGLEVEL and GLOG_LEVEL.
  if (edits !== 1 || setting[0] !== name[0]) return false;
  // They also use WORKER and LOG_LEVELS.
  if (setting.length >= 7) return without(/s/g, setting) !== without(/s/g, name);
  // HOSTS and PART are words, PROT and PORTT are not.
  return sorted(setting) === sorted(name) || setting === name.replace(/(.)\1/, '$1');
};

/** The misspelt variables. An empty one counts as unset. A mistake never shows the value, which may be secret. */
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
    const meant = nearestName(name, known.keys(), isTypingError);
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

/** The name, quoted when it has a space or a control character. */
function shown(name: string): string {
  return /^[\w.-]+$/.test(name) ? name : JSON.stringify(name);
}
