# Debian with glibc, since the bundled PostgreSQL does not run on musl.
FROM node:24.21.0-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./

FROM base AS build
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/finish-build.mjs scripts/
COPY docs/runbook.md docs/watch-a-sale.md docs/
# The console shows sections of these pages.
COPY docs/runbook.md docs/watch-a-sale.md docs/
COPY src src
RUN npm run build

FROM base AS dependencies
RUN npm ci --omit=dev --ignore-scripts

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
# On this address the service starts only with ADMIN_API_KEY or ALLOW_ANONYMOUS_ADMIN=true.
ENV HOST=0.0.0.0
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
USER node
# This folder belongs to the user node; some builders give a new folder to root. Without DATABASE_URL the service keeps
# its data in /home/node/.firstcome: mount a volume there.
WORKDIR /home/node
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 8080}/readyz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Its first line replaces the process with node, so that node receives the signals.
ENTRYPOINT ["/app/dist/main.js"]
CMD ["serve"]
