import { i32, struct, u16, utf16 } from '../layout.js';

export const SYSTEMTIME = struct('SYSTEMTIME', {
  wYear: u16,
  wMonth: u16,
  /** 0 is Sunday. */
  wDayOfWeek: u16,
  wDay: u16,
  wHour: u16,
  wMinute: u16,
  wSecond: u16,
  wMilliseconds: u16,
});

export const TIME_ZONE_INFORMATION = struct('TIME_ZONE_INFORMATION', {
  /** Minutes: UTC = local time + Bias. */
  Bias: i32,
  StandardName: utf16(32),
  StandardDate: SYSTEMTIME,
  StandardBias: i32,
  DaylightName: utf16(32),
  DaylightDate: SYSTEMTIME,
  DaylightBias: i32,
});
