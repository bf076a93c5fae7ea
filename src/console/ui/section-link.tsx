// SPDX-License-Identifier: GPL-3.0-or-later
import { hrefOfSection, type Section } from '../alarms/sections.ts';

/** A link to a section of the documentation, in a new tab. */
export function SectionLink({ section, label }: { section: Section; label: string }) {
  return (
    <a href={hrefOfSection(section)} target="_blank" rel="noreferrer">
      {label}
      <span class="visually-hidden"> (opens a new tab)</span>
    </a>
  );
}
