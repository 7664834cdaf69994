import { describe, expect, it } from 'vitest';
import { groupsToJoin, parseCgroupMounts } from './cgroups.ts';

const version1 = [
  'tmpfs /sys/fs/cgroup tmpfs rw 0 0',
  'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,relatime,cpu,cpuacct 0 0',
  'cgroup /sys/fs/cgroup/freezer cgroup rw,relatime,freezer 0 0',
  'cgroup /sys/fs/cgroup/blkio cgroup rw,relatime,blkio 0 0',
  'cgroup /sys/fs/cgroup/systemd cgroup rw,relatime,name=systemd 0 0',
  'cgroup2 /sys/fs/cgroup/unified cgroup2 rw,relatime 0 0',
].join('\n');

describe('parseCgroupMounts', () => {
  it('finds all trees of version 1, the freezer first', () => {
    const trees = parseCgroupMounts(version1);
    expect(trees).toMatchObject({ version: 1, main: '/sys/fs/cgroup/freezer', blockIo: '/sys/fs/cgroup/blkio' });
    expect(trees?.trees[0]).toBe('/sys/fs/cgroup/freezer');
    expect(trees?.trees).toHaveLength(5);
  });

  it('finds version 2', () => {
    const trees = parseCgroupMounts('cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0');
    expect(trees).toEqual({
      version: 2,
      trees: ['/sys/fs/cgroup'],
      main: '/sys/fs/cgroup',
      blockIo: '/sys/fs/cgroup',
    });
  });

  it('finds nothing usable without a freezer or without the tree of systemd', () => {
    const without = (text: string) =>
      version1
        .split('\n')
        .filter((line) => !line.includes(text))
        .join('\n');
    expect(parseCgroupMounts(without('freezer'))).toBeUndefined();
    expect(parseCgroupMounts(without('name=systemd'))).toBeUndefined();
    expect(parseCgroupMounts('')).toBeUndefined();
  });
});

describe('groupsToJoin', () => {
  it('keeps a visitor out of the freezer', () => {
    const trees = parseCgroupMounts(version1);
    if (trees === undefined) throw new Error('no trees');
    expect(groupsToJoin(trees, 'demo', 'a', 'machine')).toContain('/sys/fs/cgroup/freezer/keelson/demo/a');
    expect(groupsToJoin(trees, 'demo', 'a', 'visitor')).not.toContain('/sys/fs/cgroup/freezer/keelson/demo/a');
    expect(groupsToJoin(trees, 'demo', 'a', 'visitor')).toHaveLength(4);
  });
});
