#!/usr/bin/env node
import { quietOnClosedPipe } from './output.js';
import { run } from './program.js';

quietOnClosedPipe();
await run(process.argv.slice(2));
