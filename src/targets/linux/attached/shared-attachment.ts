import type { TracerThread } from '../tracer-start.js';
import type { FollowOptions } from './attached-protocol.js';
import { Attachment, type FollowEvent } from './attachment.js';
import type { Turns } from './turns.js';

/** What a watch needs of an Attachment. */
export type AttachmentUse = Pick<Attachment, 'attach' | 'proceed' | 'detach' | 'thread' | 'turns'> &
  Disposable;

/** One thread that stays attached to the processes of several watches: a thread for each would take 9 MB more. */
export class SharedAttachment {
  #attachment: Attachment | undefined;
  readonly #leases = new Set<Lease>();
  /** Whose process it is. */
  readonly #owners = new Map<number, Lease>();

  /** A share of it, for one watch. @param tell is called with the events of its processes */
  lease(tell: (event: FollowEvent) => void): AttachmentUse {
    this.#attachment ??= new Attachment((event) => this.#happened(event));
    const lease = new Lease(this.#attachment, this.#owners, tell, () => this.#returned(lease));
    this.#leases.add(lease);
    return lease;
  }

  #happened(event: FollowEvent): void {
    if (event.kind === 'lost') {
      // Who comes next gets another thread.
      this.#attachment = undefined;
      this.#owners.clear();
      for (const lease of this.#leases) lease.tell(event);
      return;
    }
    const { pid } = event;
    const owner = this.#owners.get(pid);
    if (event.kind === 'forked' && owner !== undefined) this.#owners.set(event.child, owner);
    if (event.kind === 'ended') this.#owners.delete(pid);
    // Of one that is just being let go: nobody will say that it may go on.
    if (owner === undefined) this.#attachment?.proceed(pid);
    else owner.tell(event);
  }

  #returned(lease: Lease): void {
    if (!this.#leases.delete(lease) || this.#leases.size > 0) return;
    this.#attachment?.[Symbol.dispose]();
    this.#attachment = undefined;
  }
}

class Lease implements AttachmentUse {
  readonly tell: (event: FollowEvent) => void;
  readonly #attachment: Attachment;
  readonly #owners: Map<number, Lease>;
  readonly #returned: () => void;

  constructor(
    attachment: Attachment,
    owners: Map<number, Lease>,
    tell: (event: FollowEvent) => void,
    returned: () => void,
  ) {
    this.#attachment = attachment;
    this.#owners = owners;
    this.tell = tell;
    this.#returned = returned;
  }

  async attach(pid: number, options: FollowOptions): Promise<void> {
    this.#owners.set(pid, this);
    try {
      await this.#attachment.attach(pid, options);
    } catch (error) {
      this.#owners.delete(pid);
      throw error;
    }
  }

  proceed(pid: number): void {
    this.#attachment.proceed(pid);
  }

  async detach(pid: number): Promise<void> {
    this.#owners.delete(pid);
    await this.#attachment.detach(pid);
  }

  get thread(): TracerThread {
    return this.#attachment.thread;
  }

  get turns(): Turns {
    return this.#attachment.turns;
  }

  /** The thread does what it is told in order: what attaches to these processes next finds them free. */
  [Symbol.dispose](): void {
    for (const [pid, owner] of this.#owners) if (owner === this) void this.detach(pid);
    this.#returned();
  }
}
