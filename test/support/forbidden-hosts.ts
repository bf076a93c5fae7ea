// SPDX-License-Identifier: GPL-3.0-or-later
/** Addresses that receivers may not have, and the ways in which a URL can spell them. */

/** One or more of each range that is no part of the internet, or belongs to one machine or network. */
export const forbiddenIPv4 = [
  ...['0.0.0.0', '0.1.2.3', '127.0.0.1', '127.0.0.2', '127.255.255.254'],
  ...['10.0.0.1', '10.255.255.255', '172.16.0.1', '172.31.255.254', '192.168.0.1', '192.168.255.1'],
  // Metadata of AWS, GCP and others, of ECS tasks, of Oracle, of Alibaba, and of Azure.
  ...['169.254.169.254', '169.254.170.2', '192.0.0.192', '100.100.100.200', '168.63.129.16'],
  ...['169.254.0.1', '100.64.0.1', '100.127.255.254', '192.0.0.1', '192.0.0.170'],
  // Documentation and benchmarks.
  ...['192.0.2.1', '198.51.100.7', '203.0.113.9', '198.18.0.1', '198.19.255.254'],
  // Relays of 6to4, AS112, AMT.
  ...['192.88.99.1', '192.175.48.1', '192.31.196.1', '192.52.193.1'],
  // Multicast, reserved, broadcast.
  ...['224.0.0.1', '239.255.255.250', '240.0.0.1', '255.255.255.255'],
];

/** The same without those that contain an IPv4 address. */
export const forbiddenIPv6 = [
  ...['::', '::1', '0:0:0:0:0:0:0:1', '0000:0000:0000:0000:0000:0000:0000:0001', '::0001'],
  ...['fe80::1', 'febf::1', 'fec0::1', 'feff::1', 'fc00::1', 'fd00::1', 'fdff:ffff::1'],
  // Metadata of AWS and GCP.
  ...['fd00:ec2::254', 'fd20:ce::254'],
  ...['ff00::1', 'ff02::1', 'ff05::1:3', 'ff0e::1'],
  ...['100::1', '100:0:0:1::1', '2001:db8::1', '3fff::1', '3fff:fff::1', '2001:2::1'],
  ...['2001:10::1', '2001:20::1', '2001:30::1', '2001:3::1', '2001:4:112::1', '2620:4f:8000::1'],
  ...['2001:1::1', '2001:1ff:ffff::1', '5f00::1', '64:ff9b:1::1', '4000::1', '8000::1', 'e000::1'],
  ...['1000::1', '0400::1', '::2', '::ffff:0:0', '::fffe:808:808'],
];

/** Addresses of the internet. */
export const publicAddresses = [
  ...['1.1.1.1', '8.8.8.8', '9.9.9.9', '11.0.0.1', '100.63.255.255', '100.128.0.1', '126.0.0.1'],
  ...['128.0.0.1', '169.253.255.255', '169.255.0.1', '172.15.255.255', '172.32.0.1', '192.0.1.1'],
  ...[
    '192.167.255.255',
    '192.169.0.1',
    '198.17.255.255',
    '198.20.0.1',
    '203.0.114.1',
    '223.255.255.1',
  ],
  ...['168.63.129.15', '168.63.129.17', '2606:4700:4700::1111', '2001:4860:4860::8888'],
  ...['2620:fe::fe', '2a00:1450:4001::5', '2001:200::1', '2400:cb00::1', '2800::1', '2c0f:fb50::1'],
  ...['::ffff:8.8.8.8', '::ffff:101:101'],
];

const octetsOf = (address: string) => address.split('.').map(Number) as Octets;
type Octets = [number, number, number, number];

const numberOf = (octets: readonly number[]) => octets.reduce((sum, octet) => sum * 256 + octet, 0);

/** Each spelling of an IPv4 address that some part of a system reads as that address. */
export function spellingsOfIPv4(address: string): string[] {
  const octets = octetsOf(address);
  const [a, b, c, d] = octets;
  const octal = (value: number) => `0${value.toString(8)}`;
  const hex = (value: number) => `0x${value.toString(16)}`;
  const all = numberOf(octets);
  return [
    ...[address, `${address}.`, octets.map(octal).join('.'), octets.map(hex).join('.')],
    ...[octets.map((value) => `0X${value.toString(16).toUpperCase()}`).join('.')],
    ...[octets.map((value) => `0x0000${value.toString(16)}`).join('.')],
    ...[octets.map((value) => `0000${value.toString(8)}`).join('.')],
    ...[String(all), octal(all), hex(all), `${hex(all)}.`],
    ...[`${a}.${numberOf([b, c, d])}`, `${a}.${b}.${numberOf([c, d])}`],
    ...[`${hex(a)}.${octal(b)}.${numberOf([c, d])}`, `${octal(a)}.${hex(numberOf([b, c, d]))}`],
    ...[fullwidth(address), circled(address)],
    ...['。', '．', '｡'].map((dot) => address.replaceAll('.', dot)),
    ...[
      percentEncoded(address),
      address.replaceAll('.', '%2e'),
      address.replaceAll('.', '%E3%80%82'),
    ],
    ...[fullwidth(String(all)), fullwidth(hex(all)), percentEncoded(hex(all))],
    ...[
      `${address.slice(0, 1)}\u00ad${address.slice(1)}`,
      `${address.slice(0, 1)}\u200b${address.slice(1)}`,
    ],
    ...[
      `${address.slice(0, 1)}\t${address.slice(1)}`,
      `${address.slice(0, 1)}\n${address.slice(1)}`,
    ],
  ];
}

/** Each IPv6 address that leads to an IPv4 address, or carries one. */
export function addressesWithIPv4(address: string): string[] {
  const [a, b, c, d] = octetsOf(address);
  const group = (high: number, low: number) => ((high << 8) | low).toString(16);
  const [first, last] = [group(a, b), group(c, d)];
  const inverted = `${group(255 - a, 255 - b)}:${group(255 - c, 255 - d)}`;
  return [
    // Mapped, as it is and translated (RFC 6145), and IPv4-compatible.
    ...[`::ffff:${address}`, `::ffff:${first}:${last}`, `0:0:0:0:0:ffff:${first}:${last}`],
    ...[`::FFFF:${address}`, `::ffff:0:${address}`, `::${address}`, `::${first}:${last}`],
    // NAT64, 6to4, Teredo, ISATAP.
    ...[`64:ff9b::${address}`, `64:ff9b::${first}:${last}`, `64:ff9b:1::${address}`],
    ...[`64:ff9b:1:${first}:${last}::`, `2002:${first}:${last}::1`, `2002:${first}:${last}::`],
    ...[`2001:0:${first}:${last}::1`, `2001:0:4136:e378:8000:63bf:${inverted}`],
    ...[
      `fe80::5efe:${address}`,
      `2a00:1450::5efe:${address}`,
      `2a00:1450::200:5efe:${first}:${last}`,
    ],
    ...[`2a00:1450::100:5efe:${address}`, `2a00:1450::300:5efe:${address}`],
  ];
}

/** Ways to write the host of a URL that stands for an IPv6 address, or might. */
export function spellingsOfIPv6(address: string): string[] {
  return [
    ...[`[${address}]`, `[${address.toUpperCase()}]`, `[${address}%25eth0]`, `[${address}%eth0]`],
    ...[`[${address}].`, `[[${address}]]`, address, `%5B${address}%5D`, `[${fullwidth(address)}]`],
  ];
}

/** What stands before the host and looks like the host. */
export function userTricksWith(host: string): string[] {
  return [
    ...[`shop.example@${host}`, `shop.example:443@${host}`, `shop.example%40@${host}`],
    ...[`@${host}`, `:@${host}`, `shop.example\\@${host}`, `${host}\\@${host}`],
  ];
}

/** Names of this machine. */
export const localNames = [
  ...['localhost', 'LOCALHOST', 'LocalHost', 'localhost.', 'a.localhost', 'a.b.localhost.'],
  ...[
    'ｌｏｃａｌｈｏｓｔ',
    'localhost。',
    'l%6fcalhost',
    '%6c%6f%63%61%6c%68%6f%73%74',
    'loc\u00adalhost',
  ],
  ...['ⓛⓞⓒⓐⓛⓗⓞⓢⓣ', 'lo\tcalhost', 'lo\ncalhost', '𝐥𝐨𝐜𝐚𝐥𝐡𝐨𝐬𝐭', 'localho\u017ft'],
];

const shifted = (text: string, by: (code: number) => number) =>
  [...text].map((sign) => String.fromCodePoint(by(sign.codePointAt(0) ?? 0))).join('');

function fullwidth(text: string): string {
  return shifted(text, (code) => (code > 0x20 && code < 0x7f ? code + 0xfee0 : code));
}

function circled(text: string): string {
  return text.replaceAll(/\d/g, (digit) =>
    digit === '0' ? '⓪' : String.fromCodePoint(0x245f + Number(digit)),
  );
}

function percentEncoded(text: string): string {
  return shifted(text, (code) => code).replaceAll(
    /[^/]/g,
    (sign) => `%${(sign.codePointAt(0) ?? 0).toString(16)}`,
  );
}
