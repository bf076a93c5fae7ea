// SPDX-License-Identifier: GPL-3.0-or-later
/** Certificates for tests, created with `openssl`. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A certificate and its key, as files. */
export type Certificate = { cert: string; key: string };

const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

/** Creates a certificate authority in the folder. */
export function makeAuthority(folder: string, name: string): Certificate {
  const files = filesOf(folder, name);
  const out = ['-keyout', files.key, '-out', files.cert];
  openssl(['req', '-x509', ...newKey, ...out, '-days', '2', '-subj', `/CN=${name}`]);
  return files;
}

/** Creates a certificate signed by the authority; with `days` below 0 it has expired. */
export function makeCertificate(
  folder: string,
  authority: Certificate,
  about: { name: string; commonName?: string; hosts?: string; days?: number },
): Certificate {
  const { name, commonName = name, hosts = 'DNS:localhost,IP:127.0.0.1', days = 2 } = about;
  const files = filesOf(folder, name);
  const request = join(folder, `${name}.csr`);
  const extensions = join(folder, `${name}.ext`);
  writeFileSync(extensions, `subjectAltName=${hosts}\n`);
  openssl([
    'req',
    '-new',
    ...newKey,
    '-keyout',
    files.key,
    '-out',
    request,
    '-subj',
    `/CN=${commonName}`,
  ]);
  openssl([
    ...['x509', '-req', '-in', request, '-CA', authority.cert, '-CAkey', authority.key],
    ...['-CAcreateserial', '-days', String(days), '-extfile', extensions, '-out', files.cert],
  ]);
  return files;
}

function filesOf(folder: string, name: string): Certificate {
  return { cert: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) };
}

function openssl(args: string[]): void {
  execFileSync('openssl', args, { stdio: 'ignore' });
}
