import { expect, it } from 'vitest';
import { LabError } from './errors.ts';
import { ownDisk } from './own-disk.ts';

it('gives the command for a machine with a disk of its own where there is none', () => {
  const record = { name: 'etcd-0', address: '10.78.0.10', prepared: true };
  let refused: unknown;
  try {
    ownDisk('mine', record, '/mnt');
  } catch (error) {
    refused = error;
  }
  expect(refused).toBeInstanceOf(LabError);
  expect((refused as LabError).fix).toContain('npm run lab -- up mine --disk 1024');
  expect(ownDisk('mine', { ...record, disk: { sizeMiB: 64 } }, '/mnt')).toBe('/mnt');
});
