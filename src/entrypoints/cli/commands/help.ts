// SPDX-License-Identifier: GPL-3.0-or-later
import { Command, type Help } from 'commander';
import type { Output, Program } from '../program.ts';

const settingsTopic = 'settings';

/** `firstcome help`: shows the help on a command, or on all settings. */
export function helpCommand(program: Program, output: Output): Command {
  return new Command('help')
    .summary('show the help on a command, or on the settings')
    .description('Shows the help on a command, or on all settings with their defaults.')
    .argument('[topic]', `a command, or "${settingsTopic}"`)
    .action(async (topic: string | undefined, _options: unknown, command: Command) => {
      const root = command.parent as Command;
      if (topic === undefined) return root.outputHelp();
      if (topic === settingsTopic) return output.stdout(`${await program.settingsHelp()}\n`);
      const topics = new Map(root.commands.map((one) => [one.name(), one]));
      const found = topics.get(topic);
      if (found === undefined) {
        const known = [...visible(root), settingsTopic].join(', ');
        throw command.error(`error: no help on '${topic}'\nThere is help on: ${known}`);
      }
      found.outputHelp();
    });
}

function visible(root: Command): string[] {
  const help: Help = root.createHelp();
  return help
    .visibleCommands(root)
    .map((one) => one.name())
    .filter((name) => name !== 'help');
}
