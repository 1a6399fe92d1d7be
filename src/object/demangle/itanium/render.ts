import { type Budget, bounded, giveUp } from '../budget.js';
import { type Encoding, type Node, Precedence } from './nodes.js';

/** A declarator is written on both sides of what it declares: `void (*` and `)(int)`. */
interface Rendered {
  left: string;
  right: string;
  shape: 'array' | 'function' | undefined;
}

const NO_PACK = -1;

/** Writes the tree of a name as LLVM does, save for lambdas and unnamed types: `{lambda(int)#1}`, as GNU does. */
export class Renderer {
  /** Which value of a pack is to be written, and how many there are; NO_PACK while none was met. */
  #packIndex = NO_PACK;
  #packSize = NO_PACK;
  #inExpansion = false;
  /** Between `<` and `>`, and not in parentheses there. */
  #bareGreaterEnds = false;
  #inLambda = false;
  #templateParams: Encoding['templateParams'] = [];

  constructor(
    readonly budget: Budget,
    readonly parameters: boolean,
  ) {}

  text(node: Node): string {
    const { left, right } = this.#declarator(node);
    return bounded(left + right);
  }

  #declarator(node: Node): Rendered {
    this.budget.enter();
    const rendered = this.#anyDeclarator(node);
    bounded(rendered.left);
    bounded(rendered.right);
    this.budget.leave();
    return rendered;
  }

  #anyDeclarator(node: Node): Rendered {
    switch (node.kind) {
      case 'pointer': {
        const { to } = node;
        if (to.kind === 'objc-protocol' && to.object.kind === 'name' && to.object.text === 'objc_object') {
          return atom(`id<${to.protocol}>`);
        }
        const { left, right, shape } = this.#declarator(to);
        return opened(left, right, shape, '*');
      }
      case 'objc-protocol':
        return atom(`${this.text(node.object)}<${node.protocol}>`);
      case 'reference':
        return this.#reference(node.to, node.rvalue);
      case 'member-pointer': {
        const { left, right, shape } = this.#declarator(node.member);
        const owner = this.text(node.owner);
        if (shape === undefined) return { left: `${left} ${owner}::*`, right, shape: undefined };
        return { left: `${left}(${owner}::*`, right: `)${right}`, shape: undefined };
      }
      case 'array': {
        const { left, right } = this.#declarator(node.element);
        const dimension = node.dimension === undefined ? '' : this.#enclosed('[', [node.dimension], ']');
        const own = dimension === '' ? ' []' : ` ${dimension}`;
        return { left, right: own + (right.startsWith(' [') ? right.slice(1) : right), shape: 'array' };
      }
      case 'function': {
        const result = this.#declarator(node.result);
        const exceptions = node.exceptions === undefined ? '' : this.text(node.exceptions);
        const params = this.#enclosed('(', node.params, ')');
        return {
          left: `${result.left} `,
          right: params + result.right + node.suffix + exceptions,
          shape: 'function',
        };
      }
      case 'qualified': {
        const { left, right, shape } = this.#declarator(node.child);
        const { qualifiers } = node;
        return {
          left: left + (typeof qualifiers === 'string' ? qualifiers : this.text(qualifiers)),
          right,
          shape,
        };
      }
      case 'declaration': {
        const { left, right } = this.#declarator(node.type);
        return atom(`${left}${right === '' ? ' ' : ''}${this.text(node.name)}${right}`);
      }
      case 'encoding':
        return this.#encoding(node);
      case 'forward':
        return this.#declarator(node.target ?? giveUp());
      case 'lambda-param': {
        const param = this.#inLambda ? undefined : this.#templateParams[node.index];
        return param === undefined ? atom(node.name) : this.#declarator(param);
      }
      case 'pack': {
        const value = this.#packValue(node.values);
        return value === undefined ? atom('') : this.#declarator(value);
      }
      default:
        return atom(this.#atom(node));
    }
  }

  /** All that is written in one piece. */
  #atom(node: Exclude<Node, { kind: 'pointer' }>): string {
    switch (node.kind) {
      case 'name':
        return node.text;
      case 'standard':
        return node.short;
      case 'nested':
        return `${this.text(node.scope)}::${this.text(node.name)}`;
      case 'local':
        return `${this.text(node.scope)}::${this.text(node.name)}`;
      case 'templated': {
        const base = this.text(node.base);
        // `operator< <int>`, lest it reads as another operator.
        return base + (/operator<+$/.test(base) ? ' ' : '') + this.text(node.args);
      }
      case 'args': {
        const outer = this.#bareGreaterEnds;
        this.#bareGreaterEnds = true;
        const list = this.#list(node.list);
        this.#bareGreaterEnds = outer;
        return `<${list}>`;
      }
      case 'tagged':
        return `${this.text(node.base)}[abi:${node.tag}]`;
      case 'structor':
        return (node.destructor ? '~' : '') + this.#baseName(node.owner);
      case 'conversion':
        return `operator ${this.text(node.type)}`;
      case 'unnamed':
        return `{unnamed type#${node.number}}`;
      case 'lambda': {
        const outer = this.#inLambda;
        this.#inLambda = true;
        const declared = node.declared.length === 0 ? '' : this.text({ kind: 'args', list: node.declared });
        const [before, after] = node.constraints.map((constraint) =>
          constraint === undefined ? '' : ` requires ${this.text(constraint)}`,
        );
        const params = this.#enclosed('(', node.params, ')');
        this.#inLambda = outer;
        return `{lambda${declared}${before}${params}${after}#${node.number}}`;
      }
      case 'list':
        return this.#list(node.values);
      case 'expansion':
        return this.#expansion(node.child);
      case 'text': {
        let text = '';
        for (const part of node.parts)
          text = bounded(text + (typeof part === 'string' ? part : this.text(part)));
        return text;
      }
      case 'operand': {
        const precedence = this.#precedence(node.child);
        const fits = node.orEqual ? precedence < node.than : precedence <= node.than;
        return fits ? this.text(node.child) : this.#enclosed('(', [node.child], ')');
      }
      case 'enclosed':
        return this.#enclosed(node.open, node.list, node.close);
      case 'greater':
        return this.#bareGreaterEnds ? this.#enclosed('(', [node.child], ')') : this.text(node.child);
      default:
        return giveUp();
    }
  }

  #enclosed(open: string, list: Node[], close: string): string {
    const outer = this.#bareGreaterEnds;
    this.#bareGreaterEnds = false;
    const text = this.#list(list);
    this.#bareGreaterEnds = outer;
    return open + text + close;
  }

  /** With commas, and without those that are empty: expansions of empty packs. */
  #list(list: Node[]): string {
    let text = '';
    for (const node of list) {
      const item = this.text(node);
      if (item !== '') text = bounded(text === '' ? item : `${text}, ${item}`);
    }
    return text;
  }

  /** The pattern once for each value of the packs in it. */
  #expansion(child: Node): string {
    const outer = { index: this.#packIndex, size: this.#packSize, inside: this.#inExpansion };
    this.#packIndex = NO_PACK;
    this.#packSize = NO_PACK;
    this.#inExpansion = true;
    let text = this.text(child);
    const size = this.#packSize;
    // No pack in it: one that is not known yet.
    if (size === NO_PACK) text += '...';
    else if (size === 0) text = '';
    for (let index = 1; index < size; index++) {
      this.#packIndex = index;
      const item = this.text(child);
      if (item !== '') text = bounded(text === '' ? item : `${text}, ${item}`);
    }
    this.#packIndex = outer.index;
    this.#packSize = outer.size;
    this.#inExpansion = outer.inside;
    return text;
  }

  #packValue(values: Node[]): Node | undefined {
    // Outside an expansion there is none but the first: g++ before 4.5 did not mangle expansions.
    if (!this.#inExpansion) return values[0];
    if (this.#packSize === NO_PACK) {
      this.#packSize = values.length;
      this.#packIndex = 0;
    }
    return values[this.#packIndex];
  }

  /** References to references collapse: only && to && is &&. */
  #reference(to: Node, rvalue: boolean): Rendered {
    let target = to;
    let isRvalue = rvalue;
    for (;;) {
      this.budget.step();
      if (target.kind === 'reference') {
        isRvalue &&= target.rvalue;
        target = target.to;
      } else if (target.kind === 'forward') target = target.target ?? giveUp();
      else if (target.kind === 'pack') {
        const value = this.#packValue(target.values);
        if (value === undefined) return atom('');
        target = value;
      } else break;
    }
    const { left, right, shape } = this.#declarator(target);
    return opened(left, right, shape, isRvalue ? '&&' : '&');
  }

  #encoding(node: Encoding): Rendered {
    const outer = { params: this.#templateParams, inLambda: this.#inLambda };
    this.#templateParams = node.templateParams;
    this.#inLambda = false;
    const name = this.text(node.name);
    const rendered = this.parameters ? this.#signature(node, name) : atom(name);
    this.#templateParams = outer.params;
    this.#inLambda = outer.inLambda;
    return rendered;
  }

  #signature(node: Encoding, name: string): Rendered {
    const result = node.result === undefined ? atom('') : this.#declarator(node.result);
    const space = node.result !== undefined && result.right === '' ? ' ' : '';
    const params = this.#enclosed('(', node.params, ')');
    const attributes = node.attributes === undefined ? '' : this.text(node.attributes);
    const constraint = node.constraint === undefined ? '' : ` requires ${this.text(node.constraint)}`;
    return {
      left: result.left + space + name,
      right:
        (node.explicitObject && params !== '()' ? `(this ${params.slice(1)}` : params) +
        result.right +
        node.suffix +
        attributes +
        constraint,
      shape: undefined,
    };
  }

  #precedence(node: Node): number {
    switch (node.kind) {
      case 'text':
        return node.precedence;
      case 'greater':
        return this.#precedence(node.child);
      default:
        return Precedence.primary;
    }
  }

  /** What a constructor is called: the class's name without scope and template arguments. */
  #baseName(node: Node): string {
    let base = node;
    for (;;) {
      this.budget.step();
      if (base.kind === 'nested' || base.kind === 'local') base = base.name;
      else if (base.kind === 'templated' || base.kind === 'tagged') base = base.base;
      else if (base.kind === 'forward') base = base.target ?? giveUp();
      else break;
    }
    return base.kind === 'standard' ? base.base : this.text(base);
  }
}

const atom = (left: string): Rendered => ({ left, right: '', shape: undefined });

/** A pointer or reference to something; what is written to the right of that needs parentheses around it. */
function opened(left: string, right: string, shape: Rendered['shape'], mark: string): Rendered {
  if (shape === undefined) return { left: left + mark, right, shape: undefined };
  return { left: `${left}${shape === 'array' ? ' ' : ''}(${mark}`, right: `)${right}`, shape: undefined };
}
