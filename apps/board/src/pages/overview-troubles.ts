import type { Trouble } from '@stems/domain/presence'
import { html } from 'ghtml'
import type { Overview } from '../overview-schema.ts'
import { countText, durationText } from './amounts.ts'

/** What is wrong, and what can be done about it: words for people. Nothing wrong is said as well. */
export const overviewTroubles = (overview: Overview): string => {
  const troubles = [...whoIsMissing(overview), ...whatWorkersSay(overview), ...whatIsLeft(overview)]
  if (troubles.length === 0) return '<p role="status" class="fine">Nothing is wrong.</p>'
  return html`<section class="troubles"><h2 class="part"><span role="status">${countText(troubles.length, 'thing')} to look at</span></h2>
<ul>!${troubles.map((trouble) => html`<li>!${trouble}</li>`)}</ul></section>`
}

const whoIsMissing = ({ workers, ingresses, separations, stems }: Overview): string[] => [
  ...(workers.length > 0
    ? []
    : [
        html`<strong>No worker is alive.</strong> ${countText(separations.waiting + stems.waiting, 'job waits', 'jobs wait')}, and nothing is brought home until one is started. If one should be running, its log says why it is not.`,
      ]),
  ...(ingresses.length > 0
    ? []
    : [
        html`<strong>No ingress is alive.</strong> Callbacks are not taken: the gateway tries a few times more and then gives them up. Start one.`,
      ]),
]

const REMEDIES: Record<Trouble['kind'], { what: string; remedy: string }> = {
  stuck: {
    what: 'is stuck',
    remedy:
      'Restart it: what it has begun is taken up by another worker, and nothing is lost. Its /livez says the same.',
  },
  intake: { what: 'takes no new downloads', remedy: 'Make room on that disk; it goes on by itself.' },
  provider: {
    what: 'leaves the provider alone',
    remedy: 'Dead links are not renewed and expected tasks are not asked about meanwhile; downloads go on.',
  },
}

const whatWorkersSay = ({ workers }: Overview): string[] =>
  workers.flatMap(({ host, pid, troubles }) =>
    troubles.map(({ kind, message }) => {
      const { what, remedy } = REMEDIES[kind]
      return html`<strong>Worker ${host} (process ${pid}) ${what}:</strong> ${message}${/[.!?]$/.test(message) ? '' : '.'} ${remedy}`
    }),
  )

const whatIsLeft = ({ spool, quarantined, notifications, separations }: Overview): string[] => [
  ...(spool.callbacks === 0
    ? []
    : [
        html`<strong>${countText(spool.callbacks, 'callback waits', 'callbacks wait')} in the spool</strong>, the oldest for ${durationText(spool.oldest_seconds)}. They are safe on the disk of ingress, and are delivered when Redis takes them; if they stay, the log of ingress says why.`,
      ]),
  ...(quarantined === 0
    ? []
    : [
        html`<strong><a href="/quarantine">${countText(quarantined, 'payload is', 'payloads are')} in quarantine.</a></strong> Each says there why it could not be believed or read.`,
      ]),
  ...(notifications.failed === 0
    ? []
    : [
        html`<strong><a href="/notifications/failed">${countText(notifications.failed, 'notification has', 'notifications have')} failed.</a></strong> Your own app was told in vain for a day; they can be sent again.`,
      ]),
  ...(separations.failed === 0
    ? []
    : [
        html`<strong>${countText(separations.failed, 'separation has', 'separations have')} failed as a whole.</strong> A worker drives ${separations.failed === 1 ? 'it' : 'them'} again within a minute; if ${separations.failed === 1 ? 'it stays' : 'they stay'}, its log says why.`,
      ]),
]
