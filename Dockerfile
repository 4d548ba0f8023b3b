# The image is one static binary on distroless: no shell, no package manager, not root.
#
#   docker build -t parquay --build-arg VERSION=$(git describe --tags --always) .
#   docker run -p 8080:8080 -v parquay:/data -v /etc/parquay:/etc/parquay:ro \
#     -e PARQUAY_TENANTS=/etc/parquay/tenants.json -e PARQUAY_ADMIN_LISTEN=127.0.0.1:9090 parquay
#
# Loopback is of no use in a container, so the image listens on all addresses. Parquay refuses that until it is told who
# may write (PARQUAY_TENANTS), and for the admin listener, which knows no credentials, in any case: move that to loopback,
# or say PARQUAY_ADMIN_INSECURE=true on a network without strangers. PARQUAY_INSECURE=true lets everybody write.
#
# /data must be a volume that comes back after a restart: its journal holds what was acknowledged and is not yet in the
# bucket. There is no HEALTHCHECK, since nothing in the image could run one: probe GET /healthz (liveness) and
# GET /readyz (readiness) on port 8080 or 9090 from outside. docs/operations.md has the rest.

FROM --platform=$BUILDPLATFORM golang:1.26-bookworm AS build
WORKDIR /src
# The dependencies alone first: this layer lasts as long as they do.
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w -X main.version=$VERSION" -o /out/parquay ./cmd/parquay \
 && mkdir /out/data

# CA certificates, a user named nonroot (65532), and nothing else.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/parquay /usr/local/bin/parquay
COPY --from=build --chown=nonroot:nonroot /out/data /data
ENV PARQUAY_DIR=/data \
    PARQUAY_LISTEN=:8080 \
    PARQUAY_ADMIN_LISTEN=:9090 \
    PARQUAY_LOG_FORMAT=json
USER nonroot:nonroot
VOLUME /data
EXPOSE 8080 9090
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/parquay"]
CMD ["serve"]
