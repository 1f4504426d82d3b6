// The things in a file that is brought in, as lines for the gateway. It reads what they are.
import { word } from "./words.js";

const MOST_LINES = 100; // of a part: memories that are embedded together
const MOST_CHARACTERS = 1_000_000;

const parsed = (text) => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** Each thing of a file as a line, with its number there: of lines of JSON, or of one document. */
export function things(text) {
  const whole = parsed(text);
  const given = whole === undefined ? text.split("\n").map((line) => parsed(line) ?? line.trim()) : (whole.results ?? whole);
  let listed = (Array.isArray(given) ? given : [given]).map((thing, place) => ({ thing, number: place + 1 }));
  listed = listed.filter(({ thing }) => thing !== "");
  if (listed[0]?.thing?.type === "header" && listed.at(-1).thing?.type !== "end") throw new Error(word("cutOff"));
  // Messages by themselves are one chat.
  if (listed.length && listed.every(({ thing }) => thing?.role)) listed = [{ thing: { messages: listed.map(({ thing }) => thing) }, number: 1 }];
  // An objection comes last: after it nothing is taken.
  const late = ({ thing }) => thing?.type === "wishes";
  const ordered = [...listed.filter((each) => !late(each)), ...listed.filter(late)];
  return ordered.map(({ thing, number }) => ({ number, line: typeof thing === "string" ? thing : JSON.stringify(thing) }));
}

/** The lines in parts that are sent one after the other. */
export function* parts(lines) {
  let part = [];
  let characters = 0;
  for (const each of lines) {
    if (part.length && (part.length === MOST_LINES || characters + each.line.length > MOST_CHARACTERS)) {
      yield part;
      part = [];
      characters = 0;
    }
    part.push(each);
    characters += each.line.length;
  }
  if (part.length) yield part;
}
