// SPDX-License-Identifier: GPL-3.0-or-later
import type { Program } from '../entrypoints/cli/program.ts';
import { scenarios } from '../proof/drill/options.ts';
import { outliveReader } from './terminal.ts';
import { version } from './version.ts';

/**
 * The commands, with the configuration of the environment. Each command loads its code when it runs, so that
 * `--version`, `--help` and `config` do not load the service.
 */
export function createProgram(): Program {
  // By default Node opens a debugger at this signal, to which every user of this machine can connect.
  process.on('SIGUSR1', () => undefined);
  outliveReader();
  return {
    version,
    scenarios,
    async config() {
      const { loadConfig, printConfig } = await import('../config.ts');
      return printConfig(loadConfig());
    },
    async settingsHelp() {
      const { settingsHelp } = await import('../config.ts');
      return settingsHelp();
    },
    async migrate(options) {
      process.setSourceMapsEnabled(true);
      const { migrateOnly } = await import('./migrate-only.ts');
      return migrateOnly(options);
    },
    async serve(options) {
      const [{ serve }, signals] = await loadService();
      return serve(options, signals);
    },
    async work(worker) {
      const [{ work }, signals] = await loadService();
      return work(worker, signals);
    },
    async consume() {
      const signals = await listenAndPrepare();
      const { consume } = await import('./consume.ts');
      return consume(signals);
    },
    async drill(options, output) {
      const { listenToSignals } = await import('./signals.ts');
      const { signal, stopped } = listenToSignals({ reloads: false });
      void stopped.then((name) => {
        if (name === 'SIGINT') output.stdout('\nstopping; Ctrl-C again ends at once\n');
      });
      const { loadConfig, drill } = await loadProof();
      return drill(loadConfig(), options, output, signal);
    },
    async log(options, output) {
      process.setSourceMapsEnabled(true);
      endWithReader();
      const [{ loadConfig }, { printOperatorLog }] = await Promise.all([
        import('../config.ts'),
        import('./operator-log.ts'),
      ]);
      await printOperatorLog(loadConfig(), options, output);
    },
    async watch(options, output) {
      process.setSourceMapsEnabled(true);
      const { listenToSignals } = await import('./signals.ts');
      const { signal } = listenToSignals({ reloads: false });
      // Its reader has ended, or its terminal has closed.
      endWithReader();
      const [{ canMoveCursor, loadConfig }, { watchSale }] = await Promise.all([
        import('../config.ts'),
        import('./watch/watch-command.ts'),
      ]);
      const config = loadConfig(undefined, {}, { serves: false });
      const { stdout } = process;
      const screen = stdout.isTTY === true && canMoveCursor() ? stdout : undefined;
      await watchSale(config, options, { ...output, screen }, signal);
    },
    async claims(options, output) {
      process.setSourceMapsEnabled(true);
      const [{ loadConfig }, { callOnClaim }] = await Promise.all([
        import('../config.ts'),
        import('./claims.ts'),
      ]);
      return callOnClaim(loadConfig(), options, output);
    },
    async sagas(options, output) {
      process.setSourceMapsEnabled(true);
      endWithReader();
      const [{ loadConfig }, { callOnSagas }] = await Promise.all([
        import('../config.ts'),
        import('./sagas-command.ts'),
      ]);
      return callOnSagas(loadConfig(), options, output);
    },
    async deadLetters(options, output) {
      process.setSourceMapsEnabled(true);
      endWithReader();
      const [{ loadConfig }, { callOnDeadLetters }] = await Promise.all([
        import('../config.ts'),
        import('./dead-letters-command.ts'),
      ]);
      return callOnDeadLetters(loadConfig(), options, output);
    },
    async acceptHistory(options, output) {
      process.setSourceMapsEnabled(true);
      endWithReader();
      const [{ loadConfig }, { acceptHistory }] = await Promise.all([
        import('../config.ts'),
        import('./accept-history-command.ts'),
      ]);
      return acceptHistory(loadConfig(), options, output);
    },
    async audit(options, output) {
      const { loadConfig, audit } = await loadProof();
      return audit(loadConfig(), options, output);
    },
    async backup(options, output) {
      const { config, signal } = await loadCommand();
      const { backup } = await import('./backup.ts');
      return backup(config, options, output, signal);
    },
    async restore(options, output) {
      const { config, signal } = await loadCommand();
      const { restore } = await import('./backup.ts');
      return restore(config, options, output, signal);
    },
    async copy(options, output) {
      const { config, signal } = await loadCommand();
      const { copy } = await import('./copy.ts');
      return copy(config, options, output, signal);
    },
  };
}

/** Ends a command whose output may be long when nothing reads it any more. */
function endWithReader(): void {
  process.stdout.on('error', () => process.exit());
}

/** The configuration of a command that changes files, and the signal that aborts it. */
async function loadCommand() {
  process.setSourceMapsEnabled(true);
  const { listenToSignals } = await import('./signals.ts');
  const { signal } = listenToSignals({ reloads: false });
  const { loadConfig } = await import('../config.ts');
  return { config: loadConfig(), signal };
}

async function loadService() {
  const signals = await listenAndPrepare();
  return [await import('./serve.ts'), signals] as const;
}

/** What a process does that runs until a signal, before it loads the rest. */
async function listenAndPrepare() {
  // First, because the rest takes time to load.
  const { listenToSignals } = await import('./signals.ts');
  const signals = listenToSignals({ reloads: true });
  // Before the first garbage collection.
  const { keepTickShape } = await import('./tick-shape.ts');
  keepTickShape();
  process.setSourceMapsEnabled(true);
  return signals;
}

async function loadProof() {
  process.setSourceMapsEnabled(true);
  const [config, proof] = await Promise.all([import('../config.ts'), import('./proof.ts')]);
  return { ...config, ...proof };
}
