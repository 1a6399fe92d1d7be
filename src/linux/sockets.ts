/** The tables of /proc/PID/net that tell of sockets. */
export const SOCKET_TABLES = [
  'tcp',
  'tcp6',
  'udp',
  'udp6',
  'udplite',
  'udplite6',
  'raw',
  'raw6',
  'icmp',
  'icmp6',
  'unix',
  'netlink',
  'packet',
] as const;
export type SocketTable = (typeof SOCKET_TABLES)[number];

/** Socket states of net/tcp_states.h, from 1 on. */
const TCP_STATES = [
  'ESTABLISHED',
  'SYN_SENT',
  'SYN_RECV',
  'FIN_WAIT1',
  'FIN_WAIT2',
  'TIME_WAIT',
  'CLOSE',
  'CLOSE_WAIT',
  'LAST_ACK',
  'LISTEN',
  'CLOSING',
  'NEW_SYN_RECV',
];
const ESTABLISHED = 1;
const LISTEN = 10;

/** SS_* of linux/net.h, from 0 on. */
const UNIX_STATES = ['FREE', 'UNCONNECTED', 'CONNECTING', 'CONNECTED', 'DISCONNECTING'];
/** SO_ACCEPTCON: it listens. */
const ACCEPTS = 0x10000;
/** SOCK_* */
const SOCKET_TYPES: Record<number, string> = {
  1: 'stream',
  2: 'dgram',
  3: 'raw',
  4: 'rdm',
  5: 'seqpacket',
  10: 'packet',
};
/** NETLINK_* of linux/netlink.h */
const NETLINK_PROTOCOLS: Record<number, string> = {
  0: 'ROUTE',
  2: 'USERSOCK',
  3: 'FIREWALL',
  4: 'SOCK_DIAG',
  5: 'NFLOG',
  6: 'XFRM',
  7: 'SELINUX',
  8: 'ISCSI',
  9: 'AUDIT',
  10: 'FIB_LOOKUP',
  11: 'CONNECTOR',
  12: 'NETFILTER',
  13: 'IP6_FW',
  14: 'DNRTMSG',
  15: 'KOBJECT_UEVENT',
  16: 'GENERIC',
  18: 'SCSITRANSPORT',
  19: 'ECRYPTFS',
  20: 'RDMA',
  21: 'CRYPTO',
  22: 'SMC',
};

/**
 * What one table tells of the sockets that are wanted, by inode: protocol, local address, ` -> ` and the remote one if there
 * is one, and the state.
 */
export function parseSockets(
  table: SocketTable,
  text: string,
  wanted: ReadonlySet<string>,
  found: Map<string, string>,
): void {
  const describe =
    table === 'unix' ? unix : table === 'netlink' ? netlink : table === 'packet' ? packet : inet;
  for (const line of text.split('\n').slice(1)) {
    const fields = line.trim().split(/\s+/);
    const inode = fields[table === 'unix' ? 6 : table === 'packet' ? 8 : 9];
    if (inode !== undefined && wanted.has(inode)) found.set(inode, describe(fields, table, line));
  }
}

/** `sl local_address rem_address st …`: addresses are words as the CPU has them, ports are plain numbers. */
function inet(fields: readonly string[], table: SocketTable): string {
  const state = Number.parseInt(fields[3]!, 16);
  const remote = inetAddress(fields[2]!);
  const parts = [table, inetAddress(fields[1]!)];
  if (!/^0+:0000$/.test(fields[2]!)) parts.push('->', remote);
  if (table.startsWith('tcp')) parts.push(TCP_STATES[state - 1] ?? `state ${state}`);
  // Elsewhere CLOSE only says that nothing is connected.
  else if (state === ESTABLISHED) parts.push('ESTABLISHED');
  return parts.join(' ');
}

function inetAddress(text: string): string {
  const [address, port] = text.split(':') as [string, string];
  const number = Number.parseInt(port, 16);
  const bytes: number[] = [];
  // x86-64 is little-endian: each 32-bit word has its bytes the other way round.
  for (let word = 0; word + 8 <= address.length; word += 8) {
    for (let i = 6; i >= 0; i -= 2) bytes.push(Number.parseInt(address.slice(word + i, word + i + 2), 16));
  }
  return bytes.length === 4 ? `${bytes.join('.')}:${number}` : `[${ipv6(bytes)}]:${number}`;
}

/** The text form of RFC 5952: the longest run of two or more zero groups is `::`. */
export function ipv6(bytes: readonly number[]): string {
  const mapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (mapped) return `::ffff:${bytes.slice(12).join('.')}`;
  const groups: number[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((bytes[i]! << 8) | bytes[i + 1]!);
  let best = { at: 0, length: 1 };
  for (let at = 0; at < 8; at++) {
    let length = 0;
    while (at + length < 8 && groups[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  const hex = (part: number[]) => part.map((group) => group.toString(16)).join(':');
  if (best.length === 1) return hex(groups);
  return `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`;
}

/** `Num RefCount Protocol Flags Type St Inode Path`; the path may hold blanks, `@` stands for the NUL of an abstract name. */
function unix(fields: readonly string[], _table: SocketTable, line: string): string {
  const type = Number.parseInt(fields[4]!, 16);
  const state = Number.parseInt(fields[5]!, 16);
  const listens = (Number.parseInt(fields[3]!, 16) & ACCEPTS) !== 0;
  const path = /^\s*(?:\S+\s+){6}\S+ (.*)$/.exec(line)?.[1];
  return [
    'unix',
    SOCKET_TYPES[type] ?? `type ${type}`,
    ...(path ? [path] : []),
    listens ? TCP_STATES[LISTEN - 1]! : (UNIX_STATES[state] ?? `state ${state}`),
  ].join(' ');
}

/** `sk Eth Pid Groups …`: the port is mostly a process id. */
function netlink(fields: readonly string[]): string {
  const protocol = Number(fields[1]);
  const groups = Number.parseInt(fields[3]!, 16);
  return [
    `netlink ${NETLINK_PROTOCOLS[protocol] ?? protocol} port ${fields[2]}`,
    ...(groups === 0 ? [] : [`groups 0x${groups.toString(16)}`]),
  ].join(' ');
}

/** `sk RefCnt Type Proto Iface …`: type of the socket, EtherType, index of the interface (0: all). */
function packet(fields: readonly string[]): string {
  const type = Number(fields[2]);
  return `packet ${SOCKET_TYPES[type] ?? `type ${type}`} protocol 0x${fields[3]} interface ${fields[4]}`;
}
