import type { WorkerProblem } from '@stems/domain/heartbeat'
import { html } from 'ghtml'
import type { Overview } from '../overview-schema.ts'
import { countText, durationText } from './amounts.ts'

/** The problems, each with its remedy. It says so when there are none. */
export const overviewProblems = (overview: Overview): string => {
  const problems = [...missingProcesses(overview), ...workerProblems(overview), ...leftovers(overview)]
  if (problems.length === 0) return '<p role="status" class="fine">Nothing is wrong.</p>'
  return html`<section class="problems"><h2 class="part"><span role="status">${countText(problems.length, 'problem')}</span></h2>
<ul>!${problems.map((problem) => html`<li>!${problem}</li>`)}</ul></section>`
}

const missingProcesses = ({ workers, ingresses, separations, stems }: Overview): string[] => [
  ...(workers.length > 0
    ? []
    : [
        html`<strong>No worker is running.</strong> ${countText(separations.waiting + stems.waiting, 'job waits', 'jobs wait')}, and no stem is stored until a worker runs. Start one; if it does not stay up, its log says why.`,
      ]),
  ...(ingresses.length > 0
    ? []
    : [
        html`<strong>No ingress is running.</strong> No callback is accepted: the provider retries a few times and then gives up. Start one.`,
      ]),
]

const REMEDIES: Record<WorkerProblem['kind'], { what: string; remedy: string }> = {
  stuck: {
    what: 'is stuck',
    remedy: 'Restart it: another worker takes over its jobs, and nothing is lost. Its /livez reports the same.',
  },
  intake: { what: 'takes no new downloads', remedy: 'Free space on that disk; the worker resumes by itself.' },
  provider: {
    what: 'sends no requests to the provider',
    remedy: 'Until it does, it refreshes no expired links and does not check registered tasks; downloads go on.',
  },
}

const workerProblems = ({ workers }: Overview): string[] =>
  workers.flatMap(({ host, pid, troubles }) =>
    troubles.map(({ kind, message }) => {
      const { what, remedy } = REMEDIES[kind]
      return html`<strong>Worker ${host} (process ${pid}) ${what}:</strong> ${message}${/[.!?]$/.test(message) ? '' : '.'} ${remedy}`
    }),
  )

const leftovers = ({ spool, quarantined, notifications, separations }: Overview): string[] => [
  ...(spool.callbacks === 0
    ? []
    : [
        html`<strong>${countText(spool.callbacks, 'callback waits', 'callbacks wait')} in the spool</strong>, the oldest for ${durationText(spool.oldest_seconds)}. They are safe on the disk of ingress, which delivers them when Redis accepts them; if they stay, its log says why.`,
      ]),
  ...(quarantined === 0
    ? []
    : [
        html`<strong><a href="/quarantine">${countText(quarantined, 'payload is', 'payloads are')} in quarantine.</a></strong> Each one is listed with the reason why it could not be verified or read.`,
      ]),
  ...(notifications.failed === 0
    ? []
    : [
        html`<strong><a href="/notifications/failed">${countText(notifications.failed, 'notification has', 'notifications have')} failed.</a></strong> Your app did not accept them for a day. Resend them when it does.`,
      ]),
  ...(separations.failed === 0
    ? []
    : [
        html`<strong>${countText(separations.failed, 'separation has', 'separations have')} failed as a whole.</strong> A worker retries ${separations.failed === 1 ? 'it' : 'them'} within a minute; if ${separations.failed === 1 ? 'it stays' : 'they stay'}, its log says why.`,
      ]),
]
