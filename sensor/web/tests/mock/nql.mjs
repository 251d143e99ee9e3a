// As much of NQL as the browser tests type: enough that queries select, and that mistakes are told with a place and a mend.
// The sensor's own parser is the truth; this one only stands in for it where no sensor runs.

const TOKEN = /\s+|\(|\)|&&|\|\||[=!<>]=|[<>]|'(?:[^'\\]|\\.)*'?|[^\s()&|=!<>']+|./gu;
const OPERATORS = new Set(["==", "!=", "<", "<=", ">", ">=", "in"]);
const LOGIC = new Set(["&&", "||", "and", "or"]);

export const ALIASES = { ip: ["srcip", "dstip"], port: ["srcport", "dstport"] };

function lex(text) {
  const tokens = [];
  for (const { 0: raw, index } of text.matchAll(TOKEN)) {
    if (!/^\s+$/.test(raw)) tokens.push({ raw, from: index, to: index + raw.length });
  }
  return tokens;
}

class Fault extends Error {
  constructor(message, { from, to }, more = {}) {
    super(message);
    this.diagnostic = { severity: "error", message, from: { byte: from, utf16: from }, to: { byte: to, utf16: to }, ...more };
  }
}

const isKnown = (name, fields) => fields.some((field) => field.name === name) || name in ALIASES || /^label\.(src|dst|ip)\.\w+$/.test(name);

function parse(text, fields) {
  const tokens = lex(text);
  const end = { raw: "", from: text.length, to: text.length };
  let at = 0;
  const peek = () => tokens[at] ?? end;
  const word = () => peek().raw.toLowerCase();

  function expression(depth) {
    let left = term(depth);
    let kind = null;
    while (LOGIC.has(word())) {
      const sign = peek();
      const meant = ["&&", "and"].includes(word()) ? "&&" : "||";
      if (kind !== null && kind !== meant) {
        const from = depth.from;
        throw new Fault("mixing `&&` and `||` requires parentheses", sign, {
          code: "N102",
          help: "readers disagree about which binds tighter",
          fix: { label: "add parentheses", edits: [{ from, to: from, text: "(" }, { from: tokens[at - 1].to, to: tokens[at - 1].to, text: ")" }] },
        });
      }
      kind = meant;
      at += 1;
      left = { kind, left, right: term({ from: peek().from }) };
    }
    return left;
  }

  function term() {
    const token = peek();
    if (token.raw === "(") {
      at += 1;
      const inner = expression({ from: peek().from });
      if (peek().raw !== ")") throw new Fault("a `)` is missing", peek());
      at += 1;
      return inner;
    }
    if (token === end) throw new Fault("a condition is missing here", { from: Math.max(0, text.trimEnd().length - 1), to: text.length });
    at += 1;
    if (!isKnown(token.raw, fields)) {
      const near = fields.map(({ name }) => name).find((name) => name.startsWith(token.raw.slice(0, 4)) && Math.abs(name.length - token.raw.length) < 3);
      throw new Fault(`the flow context has no field \`${token.raw}\``, token, {
        code: "N201",
        ...(near ? { help: `did you mean \`${near}\`?`, fix: { label: `write ${near}`, edits: [{ from: token.from, to: token.to, text: near }] } } : {}),
      });
    }
    const sign = peek();
    if (!OPERATORS.has(word())) throw new Fault("an operator is missing after the field", sign === end ? token : sign);
    if (text[sign.from - 1] !== " ") {
      throw new Fault("operators need a space on both sides", sign, { code: "N101", fix: { label: "add spaces", edits: [{ from: sign.from, to: sign.from, text: " " }, ...(/\s/.test(text[sign.to] ?? " ") ? [] : [{ from: sign.to, to: sign.to, text: " " }])] } });
    }
    at += 1;
    const values = [];
    if (sign.raw.toLowerCase() === "in") {
      at += 1;
      while (peek().raw !== ")" && peek() !== end) values.push(tokens[at++].raw.replace(/,$/, ""));
      at += 1;
    } else {
      const value = peek();
      if (value === end || value.raw === ")" || LOGIC.has(word())) throw new Fault("a value is missing after the operator", sign);
      at += 1;
      values.push(value.raw.startsWith("'") ? value.raw.slice(1, -1).replace(/\\(['"\\])/g, "$1") : value.raw);
    }
    return { kind: "test", field: token.raw, operator: sign.raw.toLowerCase(), values };
  }

  if (tokens.length === 0) return null;
  const tree = expression({ from: tokens[0].from });
  if (at < tokens.length) throw new Fault("`&&` or `||` is missing here", peek());
  return tree;
}

function toNumber(address) {
  return address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function equal(actual, wanted) {
  if (Array.isArray(actual)) return actual.some((one) => equal(one, wanted));
  if (actual === null || actual === undefined) return false;
  const prefix = /^(\d+\.\d+\.\d+\.\d+)\/(\d+)$/.exec(wanted);
  if (prefix && /^\d+\./.test(String(actual))) {
    const size = 2 ** (32 - Number(prefix[2]));
    return Math.floor(toNumber(actual) / size) === Math.floor(toNumber(prefix[1]) / size);
  }
  return String(actual).toLowerCase() === wanted.toLowerCase();
}

const TESTS = {
  "==": equal,
  "!=": (actual, wanted) => !equal(actual, wanted),
  "<": (actual, wanted) => actual < Number(wanted),
  "<=": (actual, wanted) => actual <= Number(wanted),
  ">": (actual, wanted) => actual > Number(wanted),
  ">=": (actual, wanted) => actual >= Number(wanted),
};

export function fieldsOf(name) {
  const label = /^label\.ip\.(\w+)$/.exec(name);
  return label ? [`label.src.${label[1]}`, `label.dst.${label[1]}`] : (ALIASES[name] ?? [name]);
}

/** A function that says whether a flow is selected. Throws what `check` reports. */
export function compile(text, fields) {
  const tree = parse(text, fields);
  const run = (node, flow) => {
    if (node === null) return true;
    if (node.kind === "&&") return run(node.left, flow) && run(node.right, flow);
    if (node.kind === "||") return run(node.left, flow) || run(node.right, flow);
    const names = fieldsOf(node.field);
    if (node.operator === "in") return names.some((name) => node.values.some((value) => equal(flow[name], value)));
    if (node.operator === "!=") return !names.some((name) => equal(flow[name], node.values[0]));
    return names.some((name) => TESTS[node.operator](flow[name], node.values[0]));
  };
  return (flow) => run(tree, flow);
}

const VALUES = { protocol: ["tcp", "udp", "icmp"], action: ["accepted", "rejected"], direction: ["ingress", "egress"] };

function offers(text, cursor, fields) {
  const tokens = lex(text.slice(0, cursor));
  const isInside = tokens.length > 0 && tokens.at(-1).to === cursor && !/[()]/.test(tokens.at(-1).raw);
  const current = isInside ? tokens.pop() : null;
  const [before, last] = [tokens.at(-2)?.raw, tokens.at(-1)?.raw];
  const stem = current?.raw.toLowerCase() ?? "";
  const range = { from: current?.from ?? cursor, to: cursor };
  let items;
  if (last === undefined || last === "(" || LOGIC.has(last.toLowerCase())) {
    items = fields.map(({ name, type, doc }) => ({ text: name, kind: "field", detail: `${type} \u00b7 ${doc}` }));
  } else if (OPERATORS.has(last)) {
    items = (VALUES[before] ?? []).map((value) => ({ text: value, kind: "value" }));
  } else if (fields.some(({ name }) => name === last)) {
    items = (fields.find(({ name }) => name === last)?.ops ?? []).map((operator) => ({ text: operator, kind: "operator" }));
  } else {
    items = ["&&", "||"].filter((sign) => sign === "&&" || !text.includes("&&")).map((sign) => ({ text: sign, kind: "logic" }));
  }
  return { ...range, items: items.filter(({ text: one }) => one.startsWith(stem) && one !== stem) };
}

function kindOf(raw, index, tokens) {
  if (raw === "(" || raw === ")") return "paren";
  if (LOGIC.has(raw.toLowerCase())) return "logic";
  if (OPERATORS.has(raw.toLowerCase())) return "operator";
  return OPERATORS.has(tokens[index - 1]?.raw) ? "value" : "field";
}

export function check({ q, cursor }, fields) {
  const raw = lex(q);
  const tokens = raw.map(({ raw: text, from, to }, index) => ({ from, to, kind: kindOf(text, index, raw) }));
  const answer = { ok: true, norm: q.trim(), tokens, diagnostics: [], completion: offers(q, cursor, fields), columns: [] };
  try {
    parse(q, fields);
  } catch (fault) {
    if (!(fault instanceof Fault)) throw fault;
    Object.assign(answer, { ok: false, diagnostics: [fault.diagnostic] });
  }
  return answer;
}
