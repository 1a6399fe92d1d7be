import type { SymbolListener } from '../../src/object/symbol-listing.js';

/** Hears of all, and does nothing but what it is given for. */
export function silentListener(told: Partial<SymbolListener> = {}): SymbolListener {
  const nothing = () => {};
  return {
    file: () => 0,
    origin: () => 0,
    function: nothing,
    line: nothing,
    inline: nothing,
    publicSymbol: nothing,
    cfi: nothing,
    cfiDelta: nothing,
    windowsFrame: nothing,
    ...told,
  };
}
