/** Capabilities by number (linux/capability.h), without their `cap_`. */
const NAMES = (
  'chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service ' +
  'net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin ' +
  'sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override ' +
  'mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore'
).split(' ');

/** The names of a set as /proc/PID/status shows it (hexadecimal), as `capsh --decode` has them; of unknown ones the number. */
export function capabilitiesOf(mask: string): string[] {
  let bits = BigInt(`0x${mask.trim() || '0'}`);
  const names: string[] = [];
  for (let number = 0; bits !== 0n; number++, bits >>= 1n) {
    if ((bits & 1n) === 0n) continue;
    names.push(NAMES[number] === undefined ? String(number) : `cap_${NAMES[number]}`);
  }
  return names;
}
