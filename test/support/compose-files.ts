// SPDX-License-Identifier: GPL-3.0-or-later
/** The compose files as `docker compose` reads them: variables filled in, later files laid over earlier ones. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const root = join(import.meta.dirname, '../..');

/** What the files say about one container, as far as the tests need it. */
export type ComposeService = {
  image?: string;
  build?: unknown;
  command?: string[];
  environment?: Record<string, string>;
  ports?: string[];
  volumes?: string[];
  profiles?: string[];
  depends_on?: Record<string, { condition: string; required?: boolean }>;
  healthcheck?: { test: string[] };
  stop_grace_period?: string;
  read_only?: boolean;
  cap_drop?: string[];
  security_opt?: string[];
  secrets?: string[];
};

/** A compose file, or several as one. */
export type ComposeProject = {
  name?: string;
  services: Record<string, ComposeService>;
  volumes?: Record<string, unknown>;
  secrets?: Record<string, { environment: string }>;
};

/** The text of a compose file in the root of the repository. */
export function composeText(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

/** Reads the files in this order with these variables. Throws what compose would say where one is required and unset. */
export function readCompose(files: string[], env: Record<string, string> = {}): ComposeProject {
  const project = files
    .map((file) => parse(fillIn(composeText(file), env), { merge: true }))
    .reduce((below, above) => laidOver(below, above)) as ComposeProject;
  for (const { environment = {} } of Object.values(project.services)) passOn(environment, env);
  return project;
}

/** A variable without a value is passed on from the environment where it is set there. */
function passOn(environment: Record<string, string | null>, env: Record<string, string>): void {
  for (const [name, value] of Object.entries(environment)) {
    if (value !== null) continue;
    const given = env[name];
    if (given === undefined) delete environment[name];
    else environment[name] = given;
  }
}

/** The services that run with these profiles. */
export function servicesWith(project: ComposeProject, profiles: string[] = []): string[] {
  return Object.entries(project.services)
    .filter(([, { profiles: its }]) => !its || its.some((profile) => profiles.includes(profile)))
    .map(([name]) => name);
}

const variables = /\$(?:\$|\{(\w+)(?:(:[-?])([^}]*))?\}|(\w+))/g;

/** The variables that a file takes from the environment. */
export function variablesIn(text: string): string[] {
  return [...text.matchAll(variables)].flatMap(([, braced, , , bare]) => braced ?? bare ?? []);
}

function fillIn(text: string, env: Record<string, string>): string {
  return text.replaceAll(variables, (all, braced, kind, rest, bare) => {
    if (all === '$$') return '$';
    const value = env[braced ?? bare];
    if (value) return value;
    if (kind === ':?') throw new Error(`required variable ${braced} is missing a value: ${rest}`);
    return kind === ':-' ? rest : '';
  });
}

// Everywhere else a list of the file above comes after that of the file below.
const replacedLists = new Set(['command', 'entrypoint', 'test']);

function laidOver(below: unknown, above: unknown, key = ''): unknown {
  if (Array.isArray(below) && Array.isArray(above) && !replacedLists.has(key)) {
    return [...below, ...above];
  }
  if (!isMap(below) || !isMap(above)) return above;
  const merged = { ...below };
  for (const [name, value] of Object.entries(above)) {
    merged[name] = name in below ? laidOver(below[name], value, name) : value;
  }
  return merged;
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
