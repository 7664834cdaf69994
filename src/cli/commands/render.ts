import type { Handler } from '../define.ts';
import { withCluster } from '../open.ts';
import { count } from '../views/human/text.ts';
import { document } from '../views/json/document.ts';

export const render: Handler = async (session, [directory], options) =>
  withCluster(
    session,
    async ({ ports, subject }) => {
      const { renderCluster } = await import('../../operations/render.ts');
      const report = await renderCluster(
        {
          subject,
          vault: ports.vault,
          bundleKubeadm: ports.bundleKubeadm,
          directory: directory as string,
          force: options.force === true,
        },
        session.interruption.cancel,
      );
      const written = report.files.filter((f) => f.file !== null);
      await session.print(document('Rendered', report), () => [
        `${count(written.length, 'file')} in ${report.directory}; files.txt there lists all, also the ${report.files.length - written.length} that are made elsewhere.`,
      ]);
      return 0;
    },
    { connect: false },
  );
