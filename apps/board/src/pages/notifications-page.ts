import {
  type ListedNotification,
  NOTIFICATION_STATES,
  type NotificationState,
  type NotificationsPart,
} from '@stems/queue/notifications'
import { html } from 'ghtml'
import { jobHref } from '../job-href.ts'
import { layout } from './layout.ts'
import { type Pages, pager } from './pager.ts'
import { time } from './time.ts'

export type NotificationsPage = Pages & NotificationsPart

export type NotificationsView = {
  mayAct: boolean
  /** Only those in this state are shown. */
  state: NotificationState | undefined
  /** How many somebody has just had sent again. */
  sentAgain: number | undefined
}

/** The list of what the user's own app was told, or is to be told. */
export const notificationsPage = (shown: NotificationsPage, { mayAct, state, sentAgain }: NotificationsView): string =>
  layout({
    title: 'Notifications',
    refresh: false,
    body: html`<h1>Notifications</h1>
<p>What the app behind NOTIFY_URL is told. Each is tried for a day, less and less often; one that failed is not sent again by itself.</p>
!${sentAgain === undefined ? '' : html`<p role="status">Sent again: ${sentAgain}.</p>`}
<p>!${views(shown.counts, state)}</p>
!${shown.total === 0 ? '<p>There are none.</p>' : ''}
!${shown.counts.failed > 0 && mayAct ? button('/notifications/replay', 'Send all again that failed') : ''}
!${shown.notifications.map((each) => article(each, mayAct))}
!${pager(shown, pathOf(state), 'notifications')}`,
  })

const pathOf = (state: NotificationState | undefined): string =>
  state === undefined ? '/notifications' : `/notifications/${state}`

const views = (counts: Record<NotificationState, number>, shown: NotificationState | undefined): string =>
  [undefined, ...NOTIFICATION_STATES]
    .map((state) => {
      const text = state === undefined ? 'all' : `${state} (${counts[state]})`
      if (state === shown) return html`<strong>${text}</strong>`
      return html`<a href="${pathOf(state)}">${text}</a>`
    })
    .join(' · ')

const COLOURS = { failed: 'failed', waiting: 'waiting', delivered: 'complete' } as const

const article = (each: ListedNotification, mayAct: boolean): string => {
  const { id, type, taskId, stem, state, attempts, announcedAt, endedAt, nextTryAt, lastAnswer } = each
  const job = jobHref('notifications', id)
  return html`<article class="separation">
<header><h2>${taskId}</h2><span class="status ${COLOURS[state]}">${state}</span></header>
<p class="about">${type}${stem === undefined ? '' : ` · ${stem}`} · announced !${time(announcedAt)} · ${attempts} ${attempts === 1 ? 'attempt' : 'attempts'}
!${endedAt === undefined ? '' : html` · ended !${time(endedAt)}`} !${nextTryAt === undefined ? '' : html` · next try !${time(nextTryAt)}`} · <a href="${job}">job</a></p>
!${lastAnswer === undefined ? '' : html`<p class="${state === 'delivered' ? 'about' : 'reason'}">${lastAnswer}</p>`}
!${mayAct && isMovable(each) ? button(`/notifications/${id}/replay`, nextTryAt === undefined ? 'Send again' : 'Send now') : ''}</article>
`
}

// What is just being sent, or waits for nothing but its turn, goes on by itself.
const isMovable = ({ state, nextTryAt }: ListedNotification): boolean => state !== 'waiting' || nextTryAt !== undefined

const button = (action: string, text: string): string =>
  html`<form method="post" action="${action}"><button>${text}</button></form>`
