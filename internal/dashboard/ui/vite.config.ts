import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  plugins: [svelte()],
  // Relative addresses, so that the page works behind a path of a proxy too.
  base: './',
  build: {
    target: 'es2022',
    // The folder holds a .gitkeep that go:embed needs on a clean clone.
    emptyOutDir: false,
    // Small files stay files: the content policy allows no inline script.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  // `npm run dev` shows a server that runs elsewhere on this machine.
  server: {
    host: '127.0.0.1',
    proxy: { '/api': process.env.SITWELL_URL ?? 'http://127.0.0.1:8080' },
  },
  test: { include: ['src/**/*.test.ts'] },
});
