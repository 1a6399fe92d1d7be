export * from './cabinet.js';
