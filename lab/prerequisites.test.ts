import { describe, expect, it, vi } from 'vitest';
import { missingPackages, missingPrerequisites } from './prerequisites.ts';

describe('missingPackages', () => {
  it('names each package once, for the programs that are not there', () => {
    const absent = ['ssh', 'ssh-keygen', 'systemd-nspawn'];
    expect(missingPackages((program) => !absent.includes(program))).toEqual(['openssh-client', 'systemd-container']);
    expect(missingPackages(() => true)).toEqual([]);
  });

  it('names a C compiler for whole clusters alone', () => {
    const isThere = (program: string) => program !== 'gcc' && program !== 'gencat';
    expect(missingPackages(isThere)).toEqual([]);
    expect(missingPackages(isThere, 'cluster')).toEqual(['gcc', 'libc6-dev']);
  });
});

describe('missingPrerequisites', () => {
  it('says that another user has to be root, and nothing more', async () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('linux');
    vi.spyOn(process, 'getuid').mockReturnValue(1000);
    const missing = await missingPrerequisites();
    vi.restoreAllMocks();
    expect(missing.map(({ code }) => code)).toEqual(['lab-not-root']);
    expect(missing[0]?.fix).toContain('sudo');
  });

  it('says that another system is no Linux', async () => {
    vi.spyOn(process, 'platform', 'get').mockReturnValue('darwin');
    const missing = await missingPrerequisites();
    vi.restoreAllMocks();
    expect(missing.map(({ code }) => code)).toEqual(['lab-not-linux']);
  });
});
