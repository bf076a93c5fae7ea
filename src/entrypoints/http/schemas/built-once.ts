// SPDX-License-Identifier: GPL-3.0-or-later

/**
 * Builds once for all schemas with the same text. Most responses of the routes have the same schema, and building takes
 * milliseconds. What is built must not depend on who asks. The schemas are those of the program, so their number is
 * limited.
 */
export function builtOnce<Schema, Built>(
  build: (schema: Schema) => Built,
): (schema: Schema) => Built {
  const builtByText = new Map<string, Built>();
  return (schema) => {
    const text = JSON.stringify(schema);
    const built = builtByText.get(text) ?? build(schema);
    builtByText.set(text, built);
    return built;
  };
}
