// SPDX-License-Identifier: GPL-3.0-or-later

/** What `firstcome --help` shows: one screen of 80 columns and 24 lines. */
export const rootHelp = `Usage: firstcome [command]

Flash-sale coupon claims that are first come, first served, exactly.

Commands:
  serve [options]             run the service; also without a command
  migrate                     bring the database up to date
  config                      check the settings and show those in force
  drill [options] <scenario>  send a crowd at a service and judge the answers
  audit [options] <history>   judge a drill by what is stored
  help [topic]                show the help on a command, or on the settings

Options:
  -V, --version               show the version
  -h, --help                  show this help

Settings are environment variables; DATABASE_URL names the database to use:
  firstcome help settings     lists them all, with their defaults
  firstcome config            shows those in force
`;

/** Where to read on after a mistake in the arguments of this command. */
export function helpHint(command: string | undefined): string {
  return `(${['firstcome', command, '--help'].filter(Boolean).join(' ')} shows the usage)`;
}
