import { describe, expect, it } from 'vitest';
import { parseMountInfo } from './mounts.ts';

describe('parseMountInfo', () => {
  it('reads mount points, also with spaces in them', () => {
    const text = [
      '36 35 254:0 / / rw - ext4 /dev/vda rw',
      '40 36 0:51 / /a\\040b/root rw - overlay overlay rw,lowerdir=/x',
      '',
    ].join('\n');
    expect(parseMountInfo(text)).toEqual(['/', '/a b/root']);
  });
});
