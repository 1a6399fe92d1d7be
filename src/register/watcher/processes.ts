import { SharedAttachment } from '../../watch/index.js';
import type { RegisterOptions } from '../options.js';
import type { Peer } from './peer.js';
import { WatchedNode } from './watched-node.js';

/** All that the watcher serves. It has nothing to stay for when they are gone. */
export class Processes {
  /** Called once, when nobody is left. */
  emptied: () => void = () => {};
  readonly #processes = new Map<number, WatchedNode>();
  readonly #attachment = new SharedAttachment();
  readonly #peers = new Set<Peer>();

  connected(peer: Peer): void {
    this.#peers.add(peer);
  }

  disconnected(peer: Peer): void {
    this.#peers.delete(peer);
    this.#look();
  }

  register(pid: number, options: RegisterOptions, peer: Peer): WatchedNode {
    const node = new WatchedNode(pid, options, peer, this.#attachment, () => {
      if (this.#processes.get(pid) === node) this.#processes.delete(pid);
      this.#look();
    });
    this.#processes.set(pid, node);
    return node;
  }

  get(pid: number): WatchedNode | undefined {
    return this.#processes.get(pid);
  }

  /** Tells all of what is wrong. */
  problem(text: string): void {
    for (const peer of this.#peers) peer.send({ kind: 'problem', text, final: false });
  }

  #look(): void {
    if (this.#processes.size === 0 && this.#peers.size === 0) this.emptied();
  }
}
