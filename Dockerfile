# One image for producer, worker, dashboard and command line: docs/containers.md says how to run it.
# Debian rather than Alpine: the prebuilt binaries of DuckDB and LadybugDB need glibc.

FROM node:24-bookworm-slim AS build
WORKDIR /build
# The pinned pnpm and the packages first, by the lock file alone: a change of sources does not fetch them again.
# Which pnpm is pinned in package.json, its only place.
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
# hadolint ignore=DL3016
RUN npm install --global "$(node --print 'require("./package.json").packageManager')" && pnpm fetch
COPY . .
RUN pnpm install --offline --frozen-lockfile && pnpm --recursive --filter 'graphshift-cli...' run build
# What runs: the packages that the command depends on, and what the build made of the sources.
RUN rm -rf node_modules apps/*/node_modules packages/*/node_modules \
  && pnpm install --offline --frozen-lockfile --prod --filter-prod 'graphshift-cli...' \
  && rm -rf scripts packages/testkit pnpm-lock.yaml tsconfig.base.json \
  apps/*/src apps/*/test apps/*/tsconfig*.json packages/*/src packages/*/tsconfig*.json

FROM node:24-bookworm-slim
LABEL org.opencontainers.image.title="Graphshift" \
  org.opencontainers.image.description="Turns snapshot directories into live graph databases with no reader ever noticing" \
  org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /build /app
# Relative paths in the settings are taken from here: snapshots in data, the embedded store in .graphshift, audit files
# in audit. A new volume mounted there takes over the owner.
WORKDIR /var/lib/graphshift
RUN mkdir data .graphshift audit && chown 1000:1000 . data .graphshift audit
# Settings here win over a configuration file, so only what follows from being a container is set: the engine keeps the
# console, and who asks for /healthz comes from outside.
ENV NODE_ENV=production \
  PATH=/app:$PATH \
  GRAPHSHIFT_LOG_FILES=false \
  GRAPHSHIFT_HEALTH_HOST=0.0.0.0
# The image's own user node, by number, so that an orchestrator can tell that it is not root.
USER 1000:1000
EXPOSE 8001
ENTRYPOINT ["graphshift"]
CMD ["--help"]
