// SPDX-License-Identifier: GPL-3.0-or-later
/** Settings in a tree whose keys are those of the configuration, so that its type and value follow from the tree. */
import type { Setting } from './kinds.ts';

/** Settings by the names of their values in the configuration; a name can also hold a group of settings. */
export type SettingTree = { readonly [name: string]: Setting | SettingTree };

/** Settings under one heading. */
export type SettingGroup = {
  heading: string;
  /** Opens the section of the group in `docs/configuration.md`. */
  introduction: string;
  settings: SettingTree;
};

/** The configuration that belongs to a tree: each setting replaced by the type of its value. */
export type ValuesOf<Tree> = {
  -readonly [Name in keyof Tree]: Tree[Name] extends { variable: string; unset: infer Value }
    ? Value
    : ValuesOf<Tree[Name]>;
};

/** The names of all environment variables of a tree. */
export type VariableOf<Node> = Node extends { variable: infer Variable extends string }
  ? Variable
  : { [Name in keyof Node]: VariableOf<Node[Name]> }[keyof Node];

/** The settings of a tree in their order. */
export function settingsIn(tree: SettingTree): Setting[] {
  return Object.values(tree).flatMap((node) => (isSetting(node) ? [node] : settingsIn(node)));
}

/** The values of a tree: `toValue` is called for each setting in order. */
export function mapSettings<Tree extends SettingTree>(
  tree: Tree,
  toValue: (setting: Setting) => unknown,
): ValuesOf<Tree> {
  const values = Object.entries(tree).map(([name, node]) => [
    name,
    isSetting(node) ? toValue(node) : mapSettings(node, toValue),
  ]);
  return Object.fromEntries(values);
}

/** Each setting of a tree with its value, in their order. */
export function settingsWithValues<Tree extends SettingTree>(
  tree: Tree,
  values: ValuesOf<Tree>,
): { setting: Setting; value: unknown }[] {
  return Object.entries(tree).flatMap(([name, node]) => {
    const value = values[name as keyof Tree];
    if (isSetting(node)) return [{ setting: node, value }];
    return settingsWithValues(node, value as ValuesOf<SettingTree>);
  });
}

function isSetting(node: Setting | SettingTree): node is Setting {
  return typeof node.variable === 'string';
}
