import { type Budget, bounded } from '../budget.js';
import type {
  FunctionClass,
  Identifier,
  QualifiedName,
  Qualifiers,
  Signature,
  SymbolNode,
  TemplateArgument,
  Type,
} from './nodes.js';

/**
 * How much is written: all of it as undname does it; functions without access, calling convention and result, as
 * llvm-symbolizer has them in stacks; or names only.
 */
export type Style = 'complete' | 'short' | 'name';

/** An identifier with all there is to say of it. */
export const completeText = (identifier: Identifier, budget: Budget): string =>
  new Renderer(budget, 'complete').identifier(identifier);

/** The text before what is declared, and the one behind. */
type Around = [before: string, after: string];

export class Renderer {
  constructor(
    readonly budget: Budget,
    readonly style: Style,
  ) {}

  symbol(symbol: SymbolNode): string {
    this.budget.enter();
    const text = this.#symbol(symbol);
    this.budget.leave();
    return bounded(text);
  }

  #symbol(symbol: SymbolNode): string {
    switch (symbol.kind) {
      case 'string':
        return symbol.text;
      case 'other':
        return this.#name(symbol.name);
      case 'type-descriptor': {
        const [before, after] = this.#around(symbol.type);
        return spaced(before) + this.#name(symbol.name) + after;
      }
      case 'table':
        return this.#table(symbol);
      case 'variable':
        return this.#variable(symbol);
      case 'function':
        return this.#function(symbol);
    }
  }

  #table({ name, qualifiers, targets }: SymbolNode & { kind: 'table' }): string {
    const before = cv(qualifiers);
    const text = (before && `${before} `) + this.#name(name);
    return targets.length === 0
      ? text
      : `${text}{for \`${this.#list(targets, (target) => this.#name(target), "'s `")}'}`;
  }

  #variable({ name, access, type }: SymbolNode & { kind: 'variable' }): string {
    if (this.style === 'name' || type === undefined) return this.#name(name);
    const prefix = this.style === 'complete' && access ? `${access}: static ` : '';
    const [before, after] = this.#around(type);
    return spaced(prefix + before) + this.#name(name) + after;
  }

  #function({ name, is, signature }: SymbolNode & { kind: 'function' }): string {
    const thunk = is.thunk ? '[thunk]: ' : '';
    if (this.style === 'name') return thunk + this.#name(name);
    const [before, after] =
      signature.result === undefined || this.style === 'short' ? ['', ''] : this.#around(signature.result);
    let text = thunk;
    if (this.style === 'complete') {
      text += classText(is);
      if (signature.result !== undefined) text += `${before} `;
      text = spaced(text) + signature.convention;
    }
    text = spaced(text) + this.#name(name) + (is.adjust ?? '');
    return text + this.#behind(signature, !is.untyped) + after;
  }

  /** Parameters, qualifiers and what else comes behind a function. */
  #behind(signature: Signature, typed: boolean): string {
    let text = typed ? `(${this.#params(signature)})` : '';
    const { qualifiers, reference } = signature;
    const after = cv(qualifiers);
    if (after) text += ` ${after}`;
    if (qualifiers.unaligned) text += ' __unaligned';
    if (signature.noexcept) text += ' noexcept';
    return reference ? `${text} ${reference}` : text;
  }

  #params({ params, variadic }: Signature): string {
    if (params === undefined) return 'void';
    const text = this.#list(params, (param) => this.#type(param));
    return !variadic ? text : text ? `${text}, ...` : '...';
  }

  #list<T>(list: readonly T[], write: (item: T) => string, separator = ', '): string {
    let text = '';
    for (const [i, item] of list.entries())
      text = bounded(i === 0 ? write(item) : text + separator + write(item));
    return text;
  }

  #name(name: QualifiedName): string {
    return this.#list(name, (identifier) => this.identifier(identifier), '::');
  }

  identifier(identifier: Identifier): string {
    const complete = this.style === 'complete';
    if (complete && identifier.complete !== undefined) return identifier.complete;
    this.budget.enter();
    const text = bounded(this.#identifier(identifier));
    this.budget.leave();
    if (complete) identifier.complete = text;
    return text;
  }

  #identifier({ is, args }: Identifier): string {
    const behind = args === undefined ? '' : `<${this.#list(args, (argument) => this.#argument(argument))}>`;
    switch (is.kind) {
      case 'text':
        return is.text + behind;
      case 'structor':
        return (is.destructor ? '~' : '') + (is.owner ? this.identifier(is.owner) : '') + behind;
      case 'conversion':
        return `operator${behind} ${is.to ? this.#type(is.to) : ''}`;
      case 'local':
        return `\`${this.symbol(is.scope)}'::\`${is.number}'`;
      case 'dynamic': {
        const what = is.destructor ? 'dynamic atexit destructor' : 'dynamic initializer';
        return is.variable
          ? `\`${what} for \`${this.symbol(is.variable)}''`
          : `\`${what} for '${this.#name(is.name ?? [])}''`;
      }
    }
  }

  #argument(argument: TemplateArgument): string {
    switch (argument.kind) {
      case 'type':
        return this.#type(argument.type);
      case 'name':
        return this.#name(argument.name);
      case 'value':
        return argument.text;
      case 'structure': {
        const type = argument.type ? this.#type(argument.type) : '';
        return `${type}{${this.#list(argument.members, (member) => this.#argument(member))}}`;
      }
      case 'designated':
        return `.${argument.member}=${this.#argument(argument.value)}`;
      case 'member':
        return `&${this.#name(argument.name)}`;
      case 'symbol': {
        const { symbol, offsets, address } = argument;
        const text = symbol === undefined ? [] : [this.symbol(symbol)];
        if (offsets.length > 0) return `{${[...text, ...offsets].join(', ')}}`;
        return (address ? '&' : '') + text.join('');
      }
    }
  }

  #type(type: Type): string {
    const [before, after] = this.#around(type);
    return bounded(before + after);
  }

  #around(type: Type): Around {
    this.budget.enter();
    const [before, after] = this.#aroundOf(type);
    this.budget.leave();
    return [bounded(before), bounded(after)];
  }

  #aroundOf(type: Type): Around {
    switch (type.kind) {
      case 'primitive':
        return [followed(type.name, type.qualifiers), ''];
      case 'tag':
        return [followed(`${type.tag} ${this.#name(type.name)}`, type.qualifiers), ''];
      case 'custom':
        return [this.identifier(type.identifier), ''];
      case 'array': {
        const [before, after] = this.#around(type.element);
        const dimensions = type.dimensions.map((size) => `[${size || ''}]`).join('');
        return [followed(before, type.qualifiers), dimensions + after];
      }
      case 'function': {
        const [before, after] = this.#result(type);
        const convention = this.style === 'complete' ? type.convention : '';
        return [before + convention, this.#behind(type, true) + after];
      }
      case 'pointer':
        return this.#pointer(type);
    }
  }

  #result({ result }: Signature): Around {
    if (result === undefined) return ['', ''];
    const [before, after] = this.#around(result);
    return [`${before} `, after];
  }

  #pointer({ to, sign, owner, qualifiers }: Type & { kind: 'pointer' }): Around {
    const ofFunction = to.kind === 'function';
    let [before, after] = ofFunction ? this.#result(to) : this.#around(to);
    before = spaced(before);
    if (qualifiers.unaligned) before += '__unaligned ';
    if (ofFunction) {
      before += this.style === 'complete' ? `(${to.convention} ` : '(';
      after = `)${this.#behind(to, true)}${after}`;
    } else if (to.kind === 'array') {
      before += '(';
      after = `)${after}`;
    }
    if (owner !== undefined) before += `${this.#name(owner)}::`;
    return [before + sign + cv(qualifiers), after];
  }
}

/** With a space behind what would run into a name. */
const spaced = (text: string) => (/[A-Za-z0-9>]$/.test(text) ? `${text} ` : text);

const followed = (text: string, qualifiers: Qualifiers) => {
  const after = cv(qualifiers);
  return after ? `${text} ${after}` : text;
};

function cv(qualifiers: Qualifiers): string {
  const words = [];
  if (qualifiers.const) words.push('const');
  if (qualifiers.volatile) words.push('volatile');
  if (qualifiers.restrict) words.push('__restrict');
  return words.join(' ');
}

function classText(is: FunctionClass): string {
  let text = is.access && `${is.access}: `;
  if (is.static) text += 'static ';
  if (is.virtual) text += 'virtual ';
  if (is.externC) text += 'extern "C" ';
  return text;
}
