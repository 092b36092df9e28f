// GitHub's own packages on loopback; they know nothing of hardpoint.
//
//   node github.mjs webhooks    {"secret": "s", "bodies": [...], "verify": [[body, signature], ...]}
//   node github.mjs pages       {"url": "http://127.0.0.1:PORT", "path": "GET /items"}
//   node github.mjs limits      {"url": "http://127.0.0.1:PORT", "paths": ["/core", ...]}
//
// Reads the document from stdin, and prints one.
import { readFileSync } from 'node:fs';
import { Octokit } from '@octokit/core';
import { paginateRest } from '@octokit/plugin-paginate-rest';
import { throttling } from '@octokit/plugin-throttling';
import { sign, verify } from '@octokit/webhooks-methods';

const [, , what] = process.argv;
const told = JSON.parse(readFileSync(0, 'utf8'));

async function webhooks() {
  return {
    signatures: await Promise.all(told.bodies.map((body) => sign(told.secret, body))),
    verified: await Promise.all(told.verify.map(([body, signature]) => verify(told.secret, body, signature))),
  };
}

async function pages() {
  const octokit = new (Octokit.plugin(paginateRest))({ baseUrl: told.url });
  return octokit.paginate(told.path, { per_page: 2 });
}

async function limits() {
  const found = [];
  for (const path of told.paths) {
    const heard = { path, kind: null, wait: null };
    const hear = (kind) => (wait) => {
      Object.assign(heard, { kind, wait });
      return false; // how long is known, and is not waited for
    };
    const octokit = new (Octokit.plugin(throttling))({
      baseUrl: told.url,
      log: { debug() {}, info() {}, warn() {}, error() {} },
      throttle: { onRateLimit: hear('primary'), onSecondaryRateLimit: hear('secondary') },
    });
    await octokit.request(`GET ${path}`).catch((error) => Object.assign(heard, { status: error.status }));
    found.push(heard);
  }
  return found;
}

console.log(JSON.stringify(await { webhooks, pages, limits }[what]()));
