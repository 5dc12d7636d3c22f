# docker build --build-arg REVISION="$(git rev-parse --short HEAD)" -t amperity_exporter .
# docker run --rm -p 10109:10109 amperity_exporter demo --web.listen-address=:10109
#
# For real, with amperity_exporter.yml and the token, readable by user 65532,
# in /etc/amperity_exporter, and the counters on a volume:
#
# docker run -d -p 10109:10109 --read-only --cap-drop=ALL --security-opt=no-new-privileges \
#     -v /etc/amperity_exporter:/etc/amperity_exporter:ro \
#     -v amperity_exporter:/var/lib/amperity_exporter amperity_exporter \
#     --config.file=/etc/amperity_exporter/amperity_exporter.yml \
#     --state.file=/var/lib/amperity_exporter/state.db

FROM rust:1.95-slim-bookworm AS builder
WORKDIR /build
COPY . .
# Shown by --version and amperity_exporter_build_info.
ARG REVISION=""
ENV AMPERITY_EXPORTER_REVISION=$REVISION
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/build/target \
    cargo build --locked --release --bin amperity_exporter \
    && install -D target/release/amperity_exporter /image/usr/local/bin/amperity_exporter \
    && install -d /image/var/lib/amperity_exporter

# Brings glibc, CA certificates and a user that is not root; no shell.
FROM gcr.io/distroless/cc-debian12:nonroot
ARG REVISION=""
LABEL org.opencontainers.image.title="amperity_exporter" \
      org.opencontainers.image.description="Prometheus exporter for Amperity ingest jobs" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0" \
      org.opencontainers.image.revision=$REVISION
COPY --from=builder /image/usr/ /usr/
# For `--state.file=/var/lib/amperity_exporter/state.db`; mount a volume here.
COPY --from=builder --chown=nonroot:nonroot /image/var/lib/amperity_exporter/ /var/lib/amperity_exporter/
EXPOSE 10109
# Follows address and TLS of the exporter, which is process 1.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["/usr/local/bin/amperity_exporter", "healthcheck", "--pid=1"]
ENTRYPOINT ["/usr/local/bin/amperity_exporter"]
