// SPDX-License-Identifier: GPL-3.0-or-later

// The browser has opened the address long before.
const keptMs = 60_000;

/** Saves a file that the page has made. */
export function saveFile(content: Blob, name: string): void {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(content);
  link.download = fileNameOf(name);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), keptMs);
}

// What a file system gives a meaning to, and what makes a name read as another one.
const unsafe = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\p{Cf}<>:"/\\|?*]/gu;
const charactersMax = 60;

/** A name that every file system takes and that reads as it is. The part after the last dot stays. */
export function fileNameOf(name: string): string {
  const end = name.lastIndexOf('.');
  const start = [...name.slice(0, end).replaceAll(unsafe, '_')].slice(0, charactersMax).join('');
  return `${start}${name.slice(end)}`;
}
