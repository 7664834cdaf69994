import { dyingFileSystem } from './dying-file-system.ts';
import { type Scenario, scenarios, vaultAt } from './scenarios.ts';

// A process of its own: node dying-writer.ts HOME SCENARIO NTH. It kills itself at the nth call to the file system.
const [home = '', scenario = 'create', nth = '0'] = process.argv.slice(2);
const fs = dyingFileSystem(Number(nth), () => {
  process.kill(process.pid, 'SIGKILL');
  return new Promise(() => undefined);
});
await scenarios[scenario as Scenario](vaultAt(home, fs), home);
