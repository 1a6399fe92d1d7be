export * from './supplier.js';
export * from './symbols.js';
