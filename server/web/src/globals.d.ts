/** Where the build put hls.js's worker; filled in by build.mjs. */
declare const HLS_WORKER_URL: string;

declare module "*.css";
