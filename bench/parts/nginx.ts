import { createHash } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { freePort } from '../../scripts/ports.ts'
import { mp3For } from '../../test/stand-in/audio.ts'
import { waitFor } from '../../test/support/wait-for.ts'
import { demand, type Place } from './machine.ts'
import { start } from './process.ts'

/**
 * A far side that serves one mp3 of so many bytes under every path, as fast as nginx can.
 *
 * @param folder to be made; holds the file
 */
export const startNginx = async (folder: string, bytes: number, place: Place = 'anywhere') => {
  demand('nginx')
  await mkdir(folder, { recursive: true })
  const body = mp3For('/bench.mp3', bytes)
  await writeFile(join(folder, 'stem.mp3'), body)
  const port = await freePort()
  const configuration = join(folder, 'nginx.conf')
  await writeFile(configuration, configure(folder, port))
  const url = `http://127.0.0.1:${port}`
  const server = await start('sh', ['-c', `echo ready; exec nginx -p ${folder} -c ${configuration}`], {
    place,
    isReady: (line) => line === 'ready',
  })
  await waitFor('nginx answers', () =>
    fetch(url, { method: 'HEAD' }).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return { ...server, url, bytes: body.length, sha256: createHash('sha256').update(body).digest('hex') }
}

export type FarSide = Awaited<ReturnType<typeof startNginx>>

const configure = (folder: string, port: number): string => `
daemon off;
master_process off; # one process, and of this user
pid ${folder}/nginx.pid;
error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off;
  sendfile on;
  tcp_nopush on;
  types { audio/mpeg mp3; }
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port} backlog=1024;
    root ${folder};
    location / { rewrite ^ /stem.mp3 break; }
  }
}
`
