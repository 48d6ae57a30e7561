import { z } from 'zod'
import { flag, webAddress } from './variables.ts'

const ENDPOINT = 'https://minio.example:9000'

/**
 * What those who open a store in a bucket read. The names are the AWS SDK's own, so that they mean what they mean elsewhere;
 * what it knows besides (a profile, the role of a machine), it finds by itself.
 */
export const storeVariables = {
  AWS_ENDPOINT_URL_S3: webAddress(ENDPOINT),
  AWS_ENDPOINT_URL: webAddress(ENDPOINT),
  AWS_REGION: z.string().optional(),
  AWS_ACCESS_KEY_ID: z.string().optional(),
  AWS_SECRET_ACCESS_KEY: z.string().optional(),
  AWS_SESSION_TOKEN: z.string().optional(),
  S3_FORCE_PATH_STYLE: flag().default(false),
  PARTS_DIR: z.string().default('./data/parts'),
}

type Given = { AWS_ACCESS_KEY_ID?: string | undefined; AWS_SECRET_ACCESS_KEY?: string | undefined }

/** What is wrong with variables that are each right by themselves: problems for {@link readEnvironment}. */
export const storeProblems = (given: Given): string[] =>
  !given.AWS_ACCESS_KEY_ID === !given.AWS_SECRET_ACCESS_KEY
    ? []
    : ['AWS_ACCESS_KEY_ID: goes with AWS_SECRET_ACCESS_KEY; set both or none']

/** What a store is opened with, besides its URL. */
export const storeOptions = (config: z.output<z.ZodObject<typeof storeVariables>>) => ({
  s3: {
    endpoint: config.AWS_ENDPOINT_URL_S3 ?? config.AWS_ENDPOINT_URL,
    region: config.AWS_REGION,
    forcePathStyle: config.S3_FORCE_PATH_STYLE,
    credentials: credentialsOf(config),
  },
  partsFolder: config.PARTS_DIR,
})

const credentialsOf = ({
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  AWS_SESSION_TOKEN: sessionToken,
}: z.output<z.ZodObject<typeof storeVariables>>) =>
  accessKeyId && secretAccessKey ? { accessKeyId, secretAccessKey, ...(sessionToken && { sessionToken }) } : undefined
