# One image for ingress, worker and board; docker-compose.yml says which of them a container runs.
ARG NODE_IMAGE=node:24-bookworm-slim

# The package.json files alone, so that a change of the sources leaves the installed dependencies in the cache, and a new
# workspace needs no line here.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
COPY apps apps
COPY packages packages
RUN find apps packages -type f ! -name package.json -delete && find apps packages -type d -empty -delete

FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY --from=manifests /app ./
# TypeScript is a devDependency of ours; npm keeps it all the same as a peer that one package can do without.
RUN --mount=type=cache,target=/root/.npm \
    npm ci --omit=dev --no-audit --no-fund --no-update-notifier --loglevel=error && \
    rm -rf node_modules/typescript node_modules/@typescript node_modules/.bin/tsc package-lock.json .npmrc

FROM ${NODE_IMAGE}
# Memory that is free goes back to the system: scripts/frugal.ts says how much that is.
ENV NODE_ENV=production MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=131072
WORKDIR /app
# Whoever breaks in finds no package manager. (The layers below still carry these files; no container can reach them.)
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack \
        /usr/local/bin/yarn /usr/local/bin/yarnpkg /opt/yarn-* /root/.npm /usr/bin/apt* /usr/bin/dpkg* /sbin/apk
# The links node_modules/@stems/* → packages/* come along: Node strips types in the sources they lead to, which it would
# not do in copies below node_modules.
COPY --from=dependencies /app ./
COPY apps apps
COPY packages packages
COPY scripts scripts
# Node's compiled code lies in the image, so that an app is there in half the time. Each is started once by its user and with its
# flags, for whom Node keeps it; it ends at the address of a Redis that nobody can read.
ENV NODE_COMPILE_CACHE=/app/.compiled
RUN install -d -o node .compiled && \
    for app in apps/ingress/src/main.ts '--max-semi-space-size=1 --minor-gc-task-trigger=40 apps/worker/src/main.ts' apps/board/src/main.ts; do \
        REDIS_URL=none su node -c "node $app" > /dev/null 2>&1; \
    done; chown -R root:root .compiled && chmod -R a+rX .compiled
# A new named volume takes over owner and mode of the directory it covers. All else belongs to root: the apps cannot
# change what they run.
RUN mkdir -p data/stems data/parts data/spool secrets/redis secrets/ingress secrets/board secrets/grafana && chown -R node:node data secrets
USER node
