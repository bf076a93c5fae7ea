// SPDX-License-Identifier: GPL-3.0-or-later

/** The text of `firstcome --help`: one screen of 80 columns and 24 lines. */
export const rootHelp = `Usage: firstcome [command]
Flash-sale coupon claims, first come, first served, exactly.

Commands:
  serve [options]             run the service; also without a command
  consume                     decide queued claims, without the API
  migrate                     migrate the database to this version
  config                      check the settings and print their values
  drill [options] <scenario>  run a crowd of clients against a service
  audit [options] <history>   audit a drill against the stored tables
  watch [options] <coupon>    watch the sale of one coupon
  log [options]               show what operators created and changed
  claims [options] <call>     show, confirm, release or redeem one claim
  sagas [options] <call>      list, show, retry or resolve sagas
  dead-letters [opts] <call>  list, show, redrive, discard or export them
  accept-history [options]    go on without acknowledged claims that were lost
  backup [options] <file>     write the bundled database into a file
  restore <file>              restore the bundled database from a file
  copy [options]              copy the records to your own PostgreSQL, or back
  help [topic]                show the help on a command, or on the settings
Options:
  -V, --version, -h, --help   show the version, or this help
Settings are environment variables: 'firstcome help settings' lists them.
`;

/** Points to the help of a command after a mistake in its arguments. */
export function helpHint(command: string | undefined): string {
  return `(${['firstcome', command, '--help'].filter(Boolean).join(' ')} shows the usage)`;
}
