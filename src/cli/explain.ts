import {
  type Command,
  EXIT,
  type ExitCode,
  type Given,
  type Shell,
  textOf,
} from "../base/command.ts";
import { nearest } from "../intent/nearest.ts";
import { type Field, fieldsOf, jsonSchemaOf } from "../intent/schema/fields.ts";
import { KINDS, meaningsByKind } from "../intent/schema/kinds.ts";
import { renderTable } from "./table.ts";

/** `weft explain`: the fields of a kind, from the schema that reads them. */
export const explain: Command = {
  name: "explain",
  summary: "Explain a kind of object: its fields, their types, defaults and meanings.",
  arguments: ["[kind]"],
  options: [{ flags: "--json", summary: "the kind's JSON Schema" }],
  async run(shell: Shell, given: Given): Promise<ExitCode> {
    const asked = textOf(given, "kind");
    if (asked === undefined) {
      if (given.json === true) shell.out(JSON.stringify(KINDS));
      else for (const kind of KINDS) shell.out(`${kind.padEnd(8)}  ${meaningsByKind[kind]}`);
      return EXIT.ok;
    }
    const kind = KINDS.find((one) => one.toLowerCase() === asked.toLowerCase());
    if (kind === undefined) {
      const guess = nearest(asked, KINDS);
      shell.err(`no kind ${asked}: ${guess ? `did you mean ${guess}?` : KINDS.join(", ")}`);
      return EXIT.usage;
    }
    if (given.json === true) shell.out(JSON.stringify(jsonSchemaOf(kind)));
    else {
      shell.out(`${kind}: ${meaningsByKind[kind]}`);
      for (const line of table(fieldsOf(kind))) shell.out(line);
    }
    return EXIT.ok;
  },
};

function table(fields: readonly Field[]): readonly string[] {
  const rows = fields.map((field) => [
    field.path,
    field.type,
    field.required ? "required" : (field.default ?? "-"),
    field.meaning,
  ]);
  return renderTable([["field", "type", "default", "meaning"], ...rows], "words");
}
