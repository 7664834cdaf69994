import { defineConfig } from 'vitest/config';

// Two projects: `fast` is everything that needs no machine; `e2e` runs on lab machines, one file at a time, because the
// machines share this computer's processors.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'fast',
          include: ['{src,lab,test,bench,tools}/**/*.test.ts'],
          exclude: ['**/*.e2e.test.ts', '**/node_modules/**'],
          // By default one processor is left to vitest itself, which hardly works; of two that is half.
          maxWorkers: '100%',
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'e2e',
          include: ['lab/**/*.e2e.test.ts', 'src/**/*.e2e.test.ts', 'test/**/*.e2e.test.ts'],
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
