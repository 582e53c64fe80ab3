# syntax=docker/dockerfile:1
FROM node:24-bookworm-slim AS base
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY bin ./bin
COPY lib ./lib
COPY data ./data
COPY src ./src
COPY templates ./templates
ENV TURNFOLD_MODELS=/models TURNFOLD_DATA=/data

# The speech models, so that no start has to fetch them; pip is not in the image that runs.
FROM base AS models
RUN apt-get update && apt-get install --yes --no-install-recommends python3-pip
RUN node bin/turnfold.js models pull && node bin/turnfold.js models pull smart-turn

FROM base
COPY --from=models /models /models
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
HEALTHCHECK --interval=5s --timeout=3s --start-period=20s CMD \
  ["node", "-e", "fetch('http://127.0.0.1:8081/health').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "bin/turnfold.js", "start", "--no-pull"]
