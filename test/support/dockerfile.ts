// SPDX-License-Identifier: GPL-3.0-or-later
/** The Dockerfile, taken apart and carried out in plain folders: all that it does can be done without a Docker engine. */
import { execFile } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { readTidyFiles } from './tidy-files.ts';

const run = promisify(execFile);
const runMsMax = 300_000;

/** One line of a Dockerfile: its keyword and what follows. */
export type Instruction = { keyword: string; rest: string };

/** What stands from one FROM to the next. */
export type Stage = { name: string; from: string; instructions: Instruction[] };

/** A COPY, taken apart. */
export type Copy = { fromStage: string | undefined; sources: string[]; target: string };

/** The stages of a Dockerfile that has no continued lines. */
export function parseDockerfile(text: string): Stage[] {
  const stages: Stage[] = [];
  for (const line of text.split('\n')) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [, keyword = '', rest = ''] = /^([A-Z]+) (.+)$/.exec(line) ?? [];
    if (keyword === '') throw new Error(`not understood in a Dockerfile: ${line}`);
    if (keyword === 'FROM') {
      const [from = '', , name = String(stages.length)] = rest.split(' ');
      stages.push({ name, from, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ keyword, rest });
    }
  }
  return stages;
}

/** The stage that becomes the image. */
export function lastStage(text: string): Stage {
  const stage = parseDockerfile(text).at(-1);
  if (stage === undefined) throw new Error('the Dockerfile has no stage');
  return stage;
}

/** Takes a COPY apart. Of its flags only `--from` is understood. */
export function parseCopy(rest: string): Copy {
  const words = rest.split(' ');
  const fromStage = words[0]?.startsWith('--from=') ? words.shift()?.slice(7) : undefined;
  if (words.some((word) => word.startsWith('--'))) throw new Error(`not understood: COPY ${rest}`);
  return { fromStage, sources: words.slice(0, -1), target: words.at(-1) ?? '' };
}

/** The last value of an instruction in a stage. */
export function lastOf(stage: Stage, keyword: string): string | undefined {
  return stage.instructions.findLast((instruction) => instruction.keyword === keyword)?.rest;
}

/** The JSON list that ends an instruction such as CMD, so that no shell stands before the program. */
export function listIn(rest: string | undefined): string[] {
  return JSON.parse(/\[.*\]$/.exec(rest ?? '')?.[0] ?? 'null');
}

/** The files that the builder is given: those of the tree, less what .dockerignore leaves out. */
export function contextFiles(root: string): string[] {
  const lines = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n');
  const [all, ...kept] = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (all !== '*' || !kept.every((line) => /^![\w./-]+$/.test(line))) {
    throw new Error('.dockerignore must begin with * and then name what is kept, each as !path');
  }
  const paths = kept.map((line) => line.slice(1));
  return readTidyFiles(root)
    .map(({ path }) => path)
    .filter((file) => paths.some((path) => isWithin(file, path)));
}

/** Whether a file is this path or lies below it. */
export function isWithin(file: string, path: string): boolean {
  return file === path || file.startsWith(`${path}/`);
}

/**
 * Carries out every stage in a folder of its own below `folder`, which stands for the root of its file system. Returns
 * the folder of the last stage. Rejects with what a RUN line wrote when it fails.
 */
export async function buildInFolders(root: string, folder: string): Promise<string> {
  const stages = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'));
  const rootOf = (name: string) => join(folder, `stage-${name}`);
  for (const stage of stages) {
    const own = rootOf(stage.name);
    mkdirSync(own, { recursive: true });
    const instructions = allInstructions(stage, stages);
    await carryOut({ ...stage, instructions }, { own, rootOf, root });
  }
  return rootOf(stages.at(-1)?.name ?? '');
}

/** With those of the stage that it begins with, folder, variables and all. */
function allInstructions(stage: Stage, stages: Stage[]): Instruction[] {
  const base = stages.find(({ name }) => name === stage.from);
  const below = base === undefined ? [] : allInstructions(base, stages);
  return [...below, ...stage.instructions];
}

async function carryOut(
  stage: Stage,
  place: { own: string; root: string; rootOf(name: string): string },
): Promise<void> {
  const { own, root, rootOf } = place;
  const env: Record<string, string> = {};
  let workDir = own;
  for (const { keyword, rest } of stage.instructions) {
    if (keyword === 'ENV') Object.assign(env, envIn(rest));
    if (keyword === 'WORKDIR') {
      workDir = rest.startsWith('/') ? join(own, rest) : join(workDir, rest);
      mkdirSync(workDir, { recursive: true });
      chmodSync(workDir, 0o755);
    }
    if (keyword === 'COPY') {
      const { fromStage, sources, target } = parseCopy(rest);
      const from = fromStage === undefined ? root : rootOf(fromStage);
      const given = fromStage === undefined ? contextFiles(root) : undefined;
      for (const source of sources)
        copy({ from, source, to: join(workDir, target), target, given });
    }
    if (keyword === 'RUN') await runLine(rest, workDir, env);
  }
}

function copy(what: {
  from: string;
  source: string;
  to: string;
  target: string;
  /** The only files that there are; undefined: all. */
  given: string[] | undefined;
}): void {
  const { from, source, target, given } = what;
  if (given === undefined) {
    cpSync(join(from, source), what.to, { recursive: true, verbatimSymlinks: true });
    return;
  }
  const files = given.filter((file) => isWithin(file, source));
  if (files.length === 0) throw new Error(`COPY ${source}: the builder is not given it`);
  const to = /\/$/.test(target) ? join(what.to, basename(source)) : what.to;
  for (const file of files) cpSync(join(from, file), join(to, file.slice(source.length)));
}

/** As the image's shell would, with the machine's PATH and npm's own settings. */
async function runLine(line: string, cwd: string, env: Record<string, string>): Promise<void> {
  const { PATH = '', HOME = '' } = process.env;
  const ofNpm = Object.entries(process.env).filter(([name]) =>
    /^npm_config_(?:registry|cache)$/i.test(name),
  );
  await run('sh', ['-c', line], {
    cwd,
    // What `npm ci` of this tree has fetched need not be fetched again.
    env: { PATH, HOME, ...Object.fromEntries(ofNpm), npm_config_prefer_offline: 'true', ...env },
    timeout: runMsMax,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error) => {
    throw new Error(`RUN ${line} failed:\n${error.stdout}\n${error.stderr}`, { cause: error });
  });
}

/** The variables that an ENV line sets. */
export function envIn(rest: string): Record<string, string> {
  const at = rest.indexOf('=');
  if (at < 1 || /[\s"']/.test(rest)) throw new Error(`not understood: ENV ${rest}`);
  return { [rest.slice(0, at)]: rest.slice(at + 1) };
}

/** The variables that a stage leaves to what is started in it. */
export function envOf(stage: Stage): Record<string, string> {
  const lines = stage.instructions.filter(({ keyword }) => keyword === 'ENV');
  return Object.assign({}, ...lines.map(({ rest }) => envIn(rest)));
}
