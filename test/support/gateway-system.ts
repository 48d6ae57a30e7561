import { onTestFinished } from 'vitest'
import type { GatewayOptions } from '../stand-in/gateway/options.ts'
import { type StandInGateway, startStandInGateway } from '../stand-in/gateway.ts'
import { type Board, type System, type SystemOptions, startSystem, TOKEN } from './system.ts'
import { waitFor } from './wait-for.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE

/** A whole system, and the gateway that it asks. */
export type GatewaySystem = System & {
  gateway: StandInGateway
  board: Board
  /** Where the gateway is to send its callbacks. */
  callBackUrl: string
  /** Registers a task that was paid for, as an app would. */
  expectTask: (taskId: string) => Promise<void>
  /** What the board says of a separation, to a program. */
  shown: Board['ask']
  /** Waits until the provider was asked for a task's record so many times more. */
  asked: (taskId: string, times: number) => Promise<void>
}

/**
 * Starts a system whose workers ask a stand-in of a gateway, every second. Time stands still at the gateway.
 *
 * @param options.gateway as the stand-in takes it
 * @param options.withKey `false`: nobody has told the system of an API
 */
export const startGatewaySystem = async (
  options: SystemOptions & { gateway?: GatewayOptions; withKey?: boolean } = {},
): Promise<GatewaySystem> => {
  const gateway = await startStandInGateway(options.gateway)
  onTestFinished(() => gateway.close())
  const api: Record<string, string> =
    options.withKey === false
      ? {}
      : {
          PROVIDER: options.gateway?.provider ?? 'kie',
          PROVIDER_API_URL: gateway.url,
          PROVIDER_API_KEY: gateway.apiKey,
        }
  const system = await startSystem({
    ...options,
    worker: { ...api, EXPECTED_POLL_SECONDS: '1', READBACK_PATIENCE_SECONDS: '600', ...options.worker },
  })
  const board = await system.addBoard()
  return {
    ...system,
    gateway,
    board,
    callBackUrl: `${system.ingress.url}/callbacks/separation/${TOKEN}`,
    expectTask: async (taskId) => {
      const { status, body } = await board.ask('/api/separations', { method: 'POST', body: { task_id: taskId } })
      if (status !== 202) throw new Error(`the board answered ${status} ${JSON.stringify(body)}`)
    },
    shown: (taskId) => board.ask(`/api/separations/${taskId}`),
    asked: async (taskId, times) => {
      const count = () => gateway.asked.filter((each) => each.taskId === taskId).length
      const most = count() + times
      await waitFor(`the provider is asked for ${taskId} ${times} times`, () => count() >= most)
    },
  }
}
