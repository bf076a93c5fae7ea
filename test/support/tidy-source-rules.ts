// SPDX-License-Identifier: GPL-3.0-or-later
/** The rules about TypeScript: what may import what, what may be called where, and what must be said. */
import { posix } from 'node:path';
import {
  type Finding,
  findAll,
  findingAt,
  isShipped,
  isSource,
  scanned,
  type TidyFile,
} from './tidy-files.ts';

type Import = { specifier: string; start: number; typeOnly: boolean };

/** What a part of `src` may import besides itself; `packages` covers npm, `builtins` covers Node. */
type Zone = { path: RegExp; relative: RegExp; packages: RegExp; builtins: boolean };

const any = { packages: /^/, builtins: true };
const none = { packages: /(?!)/, builtins: false };
// They are built into the page, so the package does not depend on them.
const inPage = { packages: /^(?:preact|uplot)(?:\/|$)/, builtins: false };

// The first zone that contains a file counts.
const zones: Zone[] = [
  { path: /^src\/core\//, relative: /^src\/core\//, ...none },
  { path: /^src\/main\.ts$/, relative: /^src\/(?:app\/|entrypoints\/cli\/)/, ...none },
  { path: /^src\/(?:app[./]|library\.ts$)/, relative: /^src\/(?!console\/)/, ...any },
  { path: /^src\/config[./]/, relative: /^src\/(?:config[./]|core\/)/, ...any },
  { path: /^src\/client[./]/, relative: /^src\/client\//, ...none },
  { path: /^src\/console\//, relative: /^src\/(?:console\/|figures\/|client[./])/, ...inPage },
  { path: /^src\/figures\//, relative: /^src\/(?:figures\/|client\.ts$)/, ...none },
  { path: /^src\/proof\//, relative: /^src\/proof\//, ...any },
];
const zonesByFolder = /^src\/(?:adapters|entrypoints)\/[^/]+\//;

/** Imports point where the import table allows. A test may add packages and test support, but no other part. */
export function importsOutsideTheTable(files: readonly TidyFile[]): Finding[] {
  return files.filter(isSource).flatMap((file) => {
    const zone = zoneOf(file.path);
    if (zone === undefined) return [`${file.path}:1: lies in no part of the import table`];
    return importsOf(file)
      .filter((one) => !isAllowed(file, zone, one.specifier))
      .map((one) => findingAt(file, one.start, `may not import ${one.specifier}`));
  });
}

/** No file imports itself through others: imports of types count too. Each cycle is found at its first file. */
export function importCycles(files: readonly TidyFile[]): Finding[] {
  const sources = files.filter(isSource);
  const paths = new Set(sources.map(({ path }) => path));
  const targetsOf = new Map(
    sources.map((file) => [file.path, importsOf(file).map((one) => targetOf(file, one.specifier))]),
  );
  return sources.flatMap((file) =>
    importsOf(file).flatMap(({ specifier, start }) => {
      const target = targetOf(file, specifier);
      const chain = paths.has(target) ? chainOfImports(target, file.path, targetsOf) : undefined;
      if (chain === undefined || chain.some((path) => path < file.path)) return [];
      return [findingAt(file, start, `imports itself by ${chain.join(', ')}`)];
    }),
  );
}

/** The shortest chain of files in which each imports the next; undefined without one. */
function chainOfImports(
  from: string,
  to: string,
  targetsOf: ReadonlyMap<string, readonly string[]>,
): string[] | undefined {
  const importerOf = new Map<string, string | undefined>([[from, undefined]]);
  // A map yields the keys that are added during the loop, so this is a search in breadth.
  for (const path of importerOf.keys()) {
    for (const target of targetsOf.get(path) ?? []) {
      if (!importerOf.has(target)) importerOf.set(target, path);
    }
  }
  if (!importerOf.has(to)) return undefined;
  const chain: string[] = [];
  for (let path: string | undefined = to; path !== undefined; path = importerOf.get(path)) {
    chain.unshift(path);
  }
  return chain;
}

/** A package that shipped code needs at run time is a dependency, not one that only development has. */
export function importsOfUndeclaredPackages(files: readonly TidyFile[]): Finding[] {
  const manifest = files.find(({ path }) => path === 'package.json');
  if (manifest === undefined) return [];
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(manifest.text);
  const declared = new Set(Object.keys({ ...dependencies, ...optionalDependencies }));
  return files
    .filter((file) => isShipped(file) && !isInPage(file))
    .flatMap((file) =>
      importsOf(file)
        .filter(({ specifier, typeOnly }) => !typeOnly && !/^(?:\.|node:)/.test(specifier))
        .filter(({ specifier }) => !declared.has(packageOf(specifier)))
        .map((one) =>
          findingAt(file, one.start, `${packageOf(one.specifier)} is not in dependencies`),
        ),
    );
}

function isInPage({ path }: TidyFile): boolean {
  return path.startsWith('src/console/');
}

/** Only the configuration reads the environment; the bundled database may pass it to the processes that it starts. */
export function readsOfTheEnvironment(files: readonly TidyFile[]): Finding[] {
  const allowed = /^src\/(?:config\.ts$|adapters\/bundled-postgres\/)/;
  const pattern = /\bprocess\s*(?:\?\.|\.)\s*env\b|\{[^{}]*\benv\b[^{}]*\}\s*=\s*process\b/g;
  return files
    .filter((file) => isSource(file) && !allowed.test(file.path))
    .flatMap((file) => [
      ...findAll(file, scanned(file).code, pattern, () => 'reads the environment'),
      ...importsOf(file)
        .filter(({ specifier }) => specifier === 'node:process')
        .map(({ start }) => findingAt(file, start, 'imports node:process, which hides its uses')),
    ]);
}

const impure = new RegExp(
  [
    String.raw`\bDate\.now\b`,
    String.raw`\bnew Date\(\s*\)`,
    String.raw`\bMath\.random\b`,
    String.raw`\b(?:setTimeout|setInterval|setImmediate|fetch)\s*\(`,
    String.raw`\b(?:process|performance|crypto|globalThis)\s*\.`,
  ].join('|'),
  'g',
);

/** Time, randomness and the outside world reach the core as arguments. */
export function impureCore(files: readonly TidyFile[]): Finding[] {
  return files
    .filter((file) => isShipped(file) && file.path.startsWith('src/core/'))
    .flatMap((file) =>
      findAll(file, scanned(file).code, impure, ([text]) => `uses ${text.replace(/\s*\($/, '')}`),
    );
}

/** Nothing writes past the log. */
export function consoleCalls(files: readonly TidyFile[]): Finding[] {
  return files
    .filter(({ path }) => /\.(?:tsx?|mjs|js)$/.test(path))
    .flatMap((file) =>
      findAll(file, scanned(file).code, /\bconsole\s*\.\s*\w+/g, ([text]) => `uses ${text}`),
    );
}

/** Every export has a doc comment directly above it. */
export function exportsWithoutComment(files: readonly TidyFile[]): Finding[] {
  const pattern =
    /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:type|interface|function\*?|class|const|let|enum) (?!\{)\s*(\w+)/gm;
  return files.filter(isShipped).flatMap((file) => {
    const { code, comments } = scanned(file);
    const documented = new Set(
      comments.filter(({ text }) => /^\/\*\*[\s*]*[^\s*/]/.test(text)).map((c) => c.endLine),
    );
    const seen = new Set<string>();
    return [...code.matchAll(pattern)].flatMap((match) => {
      const name = match[1] ?? '';
      // The further signatures of a function share the comment of its first.
      if (seen.has(name)) return [];
      seen.add(name);
      const finding = findingAt(file, match.index, `${name} has no doc comment`);
      const line = Number(finding.split(':')[1]);
      return documented.has(line - 1) ? [] : [finding];
    });
  });
}

const linesMax = 300;

// Written by `npm run generate`.
const generated = 'src/client/api-types.ts';

/** A file that is too long is split. */
export function longFiles(files: readonly TidyFile[]): Finding[] {
  const written = files.filter((file) => isShipped(file) && file.path !== generated);
  return written.flatMap((file) => {
    const lines = file.text.trimEnd().split('\n').length;
    return lines > linesMax ? [`${file.path}:${lines}: is over ${linesMax} lines`] : [];
  });
}

function zoneOf(path: string): Zone | undefined {
  const folder = zonesByFolder.exec(path)?.[0];
  if (folder === undefined) return zones.find((zone) => zone.path.test(path));
  const relative = new RegExp(`^(?:src/core/|${folder.replaceAll(/[.*+?^$()|[\]]/g, '\\$&')})`);
  return { path: zonesByFolder, relative, ...any };
}

function isAllowed(file: TidyFile, zone: Zone, specifier: string): boolean {
  const isTest = /\.test\.tsx?$/.test(file.path);
  if (specifier.startsWith('node:')) return zone.builtins || isTest;
  if (!specifier.startsWith('.')) return zone.packages.test(specifier) || isTest;
  const target = targetOf(file, specifier);
  return zone.relative.test(target) || (isTest && target.startsWith('test/support/'));
}

function targetOf(file: TidyFile, specifier: string): string {
  return posix.join(posix.dirname(file.path), specifier);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

/** Static and dynamic imports and re-exports, also those of types; not an import of a computed name. */
function importsOf(file: TidyFile): Import[] {
  const { code, literals } = scanned(file);
  return literals.flatMap(({ text, start }) => {
    const before = code.slice(Math.max(0, start - 2_000), start);
    const form = /\b(?:from|import|(?:import|require(?:\.resolve)?)\s*\()\s*$/.exec(before);
    if (form === null) return [];
    const statement = before.slice(Math.max(0, before.lastIndexOf(';') + 1));
    const typeOnly = /^\s*(?:import|export)\s+type\b/.test(statement);
    return [{ specifier: text, start, typeOnly }];
  });
}
